"""Dumps in the archives of a borg repository.

Source: borgbackup.readthedocs.io, "JSON output" and "Environment variables", of 1.2 and 1.4.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.names import is_match
from restorecheck.storages.programs import Program

ARCHIVES = 50
"""Newest archives that are searched, each with one call of borg; older ones are ignored."""
_STAMPS = re.compile(r"\d[\dT:._-]*")
"""The part of an archive name that differs from night to night."""


@dataclass(frozen=True, kw_only=True)
class BorgStorage(DumpStorage):
    path: str
    repository: str
    passcommand: tuple[str, ...] | None = None
    archives: str | None = None

    @property
    def place(self) -> str:
        return f"borg {self.repository.rpartition('@')[2]}"

    def files(self) -> Sequence[StoredFile]:
        return [file for batch in self.batches() for file in batch]

    def batches(self) -> Iterator[Sequence[StoredFile]]:
        """First the newest archive of each series, then one older archive after the other."""
        among = ("--glob-archives", self.archives) if self.archives else ()
        words = ("--json", "--last", str(ARCHIVES), *among)
        listed = json.loads(self._output("list", *words, self.repository))["archives"]
        series: dict[str, dict[str, Any]] = {}
        for archive in reversed(listed):
            series.setdefault(_STAMPS.sub("", archive["name"]), archive)
        newest = [*series.values()]
        yield [file for archive in newest for file in self._of(archive)]
        yield from (self._of(archive) for archive in reversed(listed) if archive not in newest)

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        archive, _, path = file.name.partition("/")
        place = f"{self.repository}::{archive}"
        arguments = self._arguments("extract", "--stdout", place, f"pp:{path}")
        self._program.stream(arguments, to, f"fetch {file.name}", stop)

    def _of(self, archive: dict[str, Any]) -> list[StoredFile]:
        place = f"{self.repository}::{archive['name']}"
        wanted = self.path.lstrip("/")
        lines = (
            self._output("list", "--json-lines", place, f"sh:{wanted or '*'}")
            .decode(errors="replace")
            .splitlines()
        )
        return [
            StoredFile(
                name=f"{archive['name']}/{item['path']}",
                size_bytes=item.get("size"),
                modified_at=_moment(item.get("isomtime") or item.get("mtime") or archive["time"]),
                version=archive["id"],
            )
            for item in map(json.loads, lines)
            if item["type"] == "-" and is_match(item["path"], wanted)
        ]

    def _output(self, *words: str) -> bytes:
        return self._program.output(self._arguments(*words), f"read {self.place}")

    def _arguments(self, command: str, *words: str) -> list[str]:
        # A lock is a file that borg writes into the repository.
        return ["borg", command, "--bypass-lock", *words]

    @property
    def _program(self) -> Program:
        environment = {"BORG_EXIT_CODES": "modern", "TZ": "UTC"}
        if self.passcommand:
            environment["BORG_PASSCOMMAND"] = shlex.join(self.passcommand)
        return Program(
            name="borg",
            environment=environment,
            missing=("does not exist", "is not a valid repository", "never matched"),
            denied=("permission denied", "passphrase", "access denied"),
        )


def _moment(text: str) -> datetime:
    """Borg writes local times without a zone; `TZ` makes them UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STORAGE = BorgStorage
