"""Loads a plain dump while it is read to find out whether it is complete.

Only its last line shows that, and a second reading of a compressed dump would take as long as unpacking it.
If the newest dump is not the one to restore, or needs something that its start did not show, the load is
dropped, and the drill continues without it.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO

import psycopg

from restorecheck.postgres.dump.load import Load
from restorecheck.postgres.dumpfiles.filtering import Filter, FilterRules
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.needs import Needs
from restorecheck.postgres.dumpfiles.plain import Scan
from restorecheck.postgres.dumpfiles.statements import CHUNK, Piece, Position
from restorecheck.postgres.server.binaries import Installation

FROM_SIZE = 4 << 20
"""Bytes of a file; a smaller one is read first, which is fast."""
LONGEST_BEGINNING = 32 << 20
"""Bytes of definitions before the first rows; with more the dump is read first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A load into a new database, which gets the dump while it is read."""

    installation: Installation
    database: str
    load: Load
    pipe: IO[bytes]
    make_roles: Callable[[Sequence[str], str], None]
    """Arguments: role names and their encoding."""
    log_offset: int
    sorts_alike: bool
    seconds: float
    """Start time of the server, in seconds."""


@dataclass
class Ahead:
    """Follows the first plain dump, in the reading thread. The other thread, which lives on, starts the
    programs on request.
    """

    news: threading.Event = field(default_factory=threading.Event)
    """Set when a load should start."""
    begun: Begun | None = None
    asked: Inspection | None = None
    """Findings from the start of the dump, until `answer`."""
    whole: bool = False
    """Everything was passed on, or psql accepted no more."""
    _inspection: Inspection | None = None
    _held: list[Piece] = field(default_factory=list)
    _held_bytes: int = 0
    _answered: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False
    _failed: bool = False
    _filter: Filter | None = None
    _needs: Needs = field(default_factory=Needs)
    _batch: list[bytes] = field(default_factory=list)
    _batch_bytes: int = 0
    _known: int = 0
    """Pieces of the batch that may be passed on, because their roles are known."""
    _roles: set[str] = field(default_factory=set)

    # --- in the thread that reads --------------------------------------------------------------

    def of(self, inspection: Inspection) -> "Ahead | None":
        """The follower of this file; None: it is not loaded while it is read."""
        if self._inspection is not None or inspection.size_bytes < FROM_SIZE:
            return None
        self._inspection = inspection
        return self

    def take(self, piece: Piece, seen: Scan) -> None:
        if self._ended:
            return
        if self._filter is not None:
            self._add(piece, seen)
            return
        self._held.append(piece)
        self._held_bytes += len(piece.data)
        if piece.where is Position.DATA:
            self._begin(seen)
        elif self._held_bytes > LONGEST_BEGINNING:
            self._give_up()

    def end(self, seen: Scan) -> None:
        if self._ended or self._filter is None:
            return
        self._known = len(self._batch)
        self._pass_on(seen)
        if self.begun is not None:
            with suppress(BrokenPipeError, ValueError):
                self.begun.pipe.close()
        self.whole = self.whole or not self._failed
        self._ended = True

    def _begin(self, seen: Scan) -> None:
        assert self._inspection is not None, "a dump is followed"
        if not seen.begun_well:
            self._give_up()
            return
        self._needs = seen.collector.finish()
        self.asked = replace(
            self._inspection,
            kind="plain",
            server_version=seen.server_version,
            dump_version=seen.dump_version,
            dbname=seen.dbname,
            needs=self._needs,
        )
        self.news.set()
        self._answered.wait()
        if self.begun is None:
            self._give_up()
            return
        self._roles = set(self._needs.roles)
        self._filter = Filter(FilterRules(refresh=not self._needs.foreign_servers))
        held, self._held = self._held, []
        for piece in held:
            self._add(piece, seen)

    def _give_up(self) -> None:
        self._ended = True
        self._held.clear()

    def _add(self, piece: Piece, seen: Scan) -> None:
        assert self._filter is not None, "a load is begun"
        if piece.where is not Position.INSIDE:
            self._known = len(self._batch)
        passed = self._filter.passed(piece)
        self._batch.append(passed)
        self._batch_bytes += len(passed)
        if not seen.looks_into_statement:
            self._known = len(self._batch)
        if self._batch_bytes >= CHUNK and self._known:
            self._pass_on(seen)

    def _pass_on(self, seen: Scan) -> None:
        """Pass the pieces on; roles are made before the statement that names them."""
        assert self.begun is not None, "a load is begun"
        data = b"".join(self._batch[: self._known])
        self._batch = self._batch[self._known :]
        self._batch_bytes = sum(map(len, self._batch))
        self._known = 0
        try:
            new = [role for role in seen.collector.roles if role not in self._roles]
            if new:
                self._roles.update(new)
                self.begun.make_roles(new, seen.collector.client_encoding)
            self.begun.pipe.write(data)
        except (BrokenPipeError, ValueError):  # psql stopped at an error, or was stopped
            self._ended = self.whole = True
        except (psycopg.Error, OSError):
            self._ended = self._failed = True

    # --- in the thread that lives on -----------------------------------------------------------

    def answer(self, begun: Begun | None) -> None:
        """The answer to `asked`; None: the dump is only read."""
        self.asked = None
        self.begun = begun
        self._answered.set()

    def fits(
        self, inspections: Sequence[Inspection], database: str, installation: Installation
    ) -> bool:
        """Whether the load is of the dump to restore, and was made as the restore would be."""
        begun = self.begun
        if begun is None or not self.whole or self._inspection is None or len(inspections) != 1:
            return False
        (chosen,) = inspections
        same_place = begun.installation == installation and begun.database == database
        same_dump = chosen.path == self._inspection.path and chosen.kind == "plain"
        same_state = (chosen.size_bytes, chosen.mtime_ns) == (
            self._inspection.size_bytes,
            self._inspection.mtime_ns,
        )
        same_needs = replace(chosen.needs, roles=()) == replace(self._needs, roles=())
        return (
            same_place
            and same_dump
            and same_state
            and same_needs
            and set(chosen.needs.roles) <= self._roles
        )

    def stop(self) -> None:
        """End the load; reading continues without it."""
        self._ended = True
        if self.begun is not None:
            self.begun.load.end()
        else:
            self.answer(None)
