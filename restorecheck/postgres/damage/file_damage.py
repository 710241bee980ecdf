"""Damages files of the temporary server: each time in a copy of its stopped data directory.

The copy replaces the data directory, so the teardown of the drill's server ends and removes the damaged
one, too. The undamaged data is beside it, in the same directory of the drill.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg

from restorecheck.checks.damage.detection import Change, unread
from restorecheck.checks.damage.kinds import BTREE, HEAP, TOAST, DamageKind, Scene
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.errors import InvalidStateError, RestorecheckError
from restorecheck.model import CheckResult, Damaged, Proof
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.damage.injection import (
    LATE,
    NOTHING_FITS,
    Earlier,
    Healthy,
    Prover,
    Tried,
    untried,
)
from restorecheck.postgres.dump.local_provider import connect_locally
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.processes import Fence
from restorecheck.postgres.session.opening import by_system_identifier

PAGE = 8192
LEAST_PAGES = 4
STOP_TIMEOUT = 300.0
"""A server that needs longer to stop ends the proof of damage to files."""
COPY_TIMEOUT = 3600.0
"""A copy of the server that takes longer ends the proof of damage to files."""
EXTENSIONS = "restorecheck_extensions"
"""Schema of the extensions that check pages; made in the throw-away copy."""

Edit = Callable[[bytearray], None]


def _middle(content: bytearray) -> int:
    return len(content) // PAGE // 2 * PAGE


def _flip(content: bytearray) -> None:
    """Flip a bit in the data of a page's first row, which is at the end of the page; in a B-tree, in the links
    to the neighbouring pages.
    """
    content[_middle(content) + PAGE - 12] ^= 1


def _zero(content: bytearray) -> None:
    first = _middle(content)
    content[first : first + PAGE] = bytes(PAGE)


def _zero_last(content: bytearray) -> None:
    content[len(content) - PAGE :] = bytes(PAGE)


def _garble(content: bytearray) -> None:
    first = _middle(content) + 10
    content[first : first + 6] = b"\xff" * 6


def _misdirect(content: bytearray) -> None:
    first = _middle(content)
    content[first : first + PAGE] = content[first - PAGE : first]


def _cut(content: bytearray) -> None:
    pages = len(content) // PAGE
    del content[(pages - max(1, pages // 4)) * PAGE :]


def _empty(content: bytearray) -> None:
    content.clear()


EDITS: Mapping[str, Edit | None] = {
    "a flipped bit": _flip,
    "a page header is garbage": _garble,
    "a zeroed page in the middle": _zero,
    "a zeroed last page": _zero_last,
    "a page overwritten by another": _misdirect,
    "a file without its last quarter": _cut,
    "an empty file": _empty,
    "no file": None,
}
"""None: the file is removed."""


class Breaker(Prover):
    """Tests the checks against damaged files."""

    def prove(self, kinds: Sequence[DamageKind] = ()) -> Proof:
        """Raises:
        InvalidStateError: The server does not stop, or its data cannot be copied.
        DatabaseUnreachableError, psycopg.Error: The server is lost.
        """
        began = time.perf_counter()
        self._prepare()
        self._look_around()
        healthy, reading_seconds = self._healthy()
        paths = self._paths(self._scene(healthy.reading))
        kept = self._set_aside()
        damages: list[Damaged | Tried] = []
        for number, kind in enumerate(kinds, 1):
            if self._clock.now() >= self._until:
                damages.append(untried(kind, LATE))
                continue
            self._tell(f"damage to files {number} of {len(kinds)}: {kind.name}")
            damages.append(self._broken(kind, paths, kept, healthy))
        return self._proof(damages, healthy, time.perf_counter() - began, reading_seconds)

    def _prepare(self) -> None:
        """Make the extensions that checks of pages need, if the server has them."""
        role = psycopg.sql.Identifier(self._temporary.endpoint.user)
        connection = self._temporary.superuser(self._database)
        try:
            connection.execute(f"create schema if not exists {EXTENSIONS}".encode())
            for name in ("amcheck", "pg_visibility"):
                try:
                    connection.execute(
                        f"create extension if not exists {name} schema {EXTENSIONS}".encode()
                    )
                except psycopg.Error:
                    continue  # then no check reads pages, and the proof shows the effect
            for grant in (
                f"grant usage on schema {EXTENSIONS} to {{}}",
                f"grant execute on all functions in schema {EXTENSIONS} to {{}}",
            ):
                connection.execute(psycopg.sql.SQL(grant).format(role))
            # As after autovacuum: every page is marked all-visible.
            for statement in ("checkpoint", "vacuum (freeze, analyze)", "checkpoint"):
                connection.execute(statement)
        finally:
            connection.end()

    def _healthy(self) -> tuple[Healthy, float]:
        began = time.perf_counter()
        reading = self._read_all()
        seconds = time.perf_counter() - began
        self._know(reading)
        earlier = self._earlier(reading)
        results, known = self._asked(earlier, reading, ())
        outcomes = {result.name: result.outcome for result in results}
        return Healthy(reading=known, outcomes=outcomes, earlier=earlier), seconds

    def _asked(
        self, earlier: Earlier, reading: DatabaseReading, touched: Sequence[str]
    ) -> tuple[tuple[CheckResult, ...], DatabaseReading]:
        """As in a drill, over several connections; only damaged tables are read again."""
        every = self._questions.every
        pending = tuple(s for s in every if s.built_in or self._is_affected(s, set(touched)))
        pending = pending if touched else every
        left = unread(reading, Change.of(touched), self._around, pending)
        checker = PostgresChecker(by_system_identifier(connect_locally), self._clock)
        try:
            return self._ask(checker, pending, left, earlier)
        finally:
            checker.close()

    def _paths(self, scene: Scene) -> dict[str, tuple[str, str, str]]:
        """Kind of file → the table, the relation of the file, and its path below the data directory."""
        found: dict[str, tuple[str, str, str]] = {}
        connection = self._temporary.superuser(self._database)
        try:
            connection.execute("checkpoint")
            for victim in scene.victims:
                row = connection.execute(
                    "select pg_relation_filepath(c.oid), pg_relation_filepath(c.reltoastrelid),"
                    " pg_relation_size(c.oid), coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0)"
                    " from pg_class c where c.oid = %s::regclass",
                    [victim.quoted],
                ).fetchone()
                assert row is not None, "it was there a moment ago"
                heap, toast, heap_size, toast_size = row
                if heap_size >= LEAST_PAGES * PAGE:
                    found.setdefault(HEAP, (victim.name, victim.name, heap))
                if toast_size >= LEAST_PAGES * PAGE:
                    found.setdefault(TOAST, (victim.name, f"TOAST of {victim.name}", toast))
                index = victim.table.key_index
                if index:
                    row = connection.execute(
                        "select pg_relation_filepath(%(i)s::regclass), pg_relation_size(%(i)s::regclass)",
                        {"i": index},
                    ).fetchone()
                    if row is not None and row[1] >= LEAST_PAGES * PAGE:
                        found.setdefault(BTREE, (victim.name, index.replace('"', ""), row[0]))
        finally:
            connection.end()
        return found

    def _set_aside(self) -> Path:
        """Moves the undamaged data aside, after a clean shutdown of the server."""
        places, server = self._temporary.places, self._temporary.server
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired as exc:
            raise InvalidStateError("the throw-away server did not shut down cleanly") from exc
        kept = places.directory / "data.healthy"
        places.data.rename(kept)
        cluster.make_folder(places.data, self._temporary.account)
        return kept

    def _broken(
        self,
        kind: DamageKind,
        paths: Mapping[str, tuple[str, str, str]],
        kept: Path,
        healthy: Healthy,
    ) -> Damaged | Tried:
        of, _, how = kind.name.partition(": ")
        if of not in paths:
            return untried(kind, NOTHING_FITS)
        table, what, path = paths[of]
        places, installation = self._temporary.places, self._temporary.installation
        untrusted_files.remove_all(places.data)
        processes.run(
            ["/bin/cp", "-Rp", f"{kept}/.", places.data],
            directory=places.directory,
            account=self._temporary.account,
            timeout=COPY_TIMEOUT,
            within=Fence(readable=(kept,), writable=(places.data,)),
        )
        _edit(places.data, path, EDITS[how])
        server = cluster.start(
            places,
            installation,
            self._temporary.account,
            jobs=self._temporary.jobs,
            outlive_us=False,
            like=self._temporary.like,
        )
        try:
            results, _ = self._asked(healthy.earlier, healthy.reading, (table,))
        except RestorecheckError as exc:
            return untried(kind, exc.message)
        finally:
            cluster.stop(places, server)
        return Tried(kind=kind, what=what, results=results)


def _edit(data: Path, path: str, edit: Edit | None) -> None:
    with untrusted_files.folder(data) as held:
        if edit is None:
            untrusted_files.unlink_below(held, path)
            return
        with untrusted_files.open_below(held, path, os.O_RDWR) as file:
            content = bytearray(file.read())
            edit(content)
            file.seek(0)
            file.write(content)
            file.truncate()
