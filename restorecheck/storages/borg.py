"""Dumps in the archives of a borg repository.

Source: borgbackup.readthedocs.io, "JSON output" and "Environment variables", of 1.2 and 1.4.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.names import is_match
from restorecheck.storages.programs import Program

ARCHIVES = 50
"""Newest archives that are searched, each with one call of borg; older ones are ignored."""
LOCK_SECONDS = "600"
"""How long borg waits while a backup holds the repository's lock."""


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
        among = ("--glob-archives", self.archives) if self.archives else ()
        words = ("--json", "--last", str(ARCHIVES), *among)
        listed = json.loads(self._output("list", *words, self.repository))["archives"]
        return [file for archive in reversed(listed) for file in self._of(archive)]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        archive, _, path = file.name.partition("/")
        place = f"{self.repository}::{archive}"
        arguments = self._arguments("extract", "--stdout", place, f"pp:{path}")
        self._program.stream(arguments, to, f"fetch {file.name}", stop)

    def _of(self, archive: dict[str, Any]) -> list[StoredFile]:
        place = f"{self.repository}::{archive['name']}"
        wanted = self.path.lstrip("/")
        lines = self._output("list", "--json-lines", place).decode(errors="replace").splitlines()
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
        return ["borg", command, "--lock-wait", LOCK_SECONDS, *words]

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
