"""Dumps in the snapshots of a restic repository. The repository is read without a lock.

Source: `restic help`, and restic.readthedocs.io, "Scripting" (JSON output, exit codes), of 0.14 and newer.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.names import is_match
from restorecheck.storages.programs import Program

SNAPSHOTS = 50
"""Newest snapshots that are searched, with one call of restic; older ones are ignored."""


@dataclass(frozen=True, kw_only=True)
class ResticStorage(DumpStorage):
    path: str
    repository: str = field(repr=False)
    password_file: str | None = None
    password_command: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    host: str | None = None
    limit_rate: float | None = None
    """Bytes a second."""

    @property
    def place(self) -> str:
        return f"restic {self.repository.rpartition('@')[2]}"

    def files(self) -> Sequence[StoredFile]:
        chosen = [
            *(part for tag in self.tags for part in ("--tag", tag)),
            *(("--host", self.host) if self.host else ()),
        ]
        snapshots = json.loads(self._output("snapshots", *chosen) or "[]") or []
        newest = sorted(snapshots, key=lambda s: _moment(s["time"]), reverse=True)[:SNAPSHOTS]
        if not newest:
            return []
        among = [part for snapshot in newest for part in ("--snapshot", snapshot["id"])]
        found = json.loads(self._output("find", *among, self._searched) or "[]") or []
        by_id = {snapshot["id"]: snapshot for snapshot in newest}
        return [file for one in found for file in self._of(by_id[one["snapshot"]], one["matches"])]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        snapshot, _, path = file.name.partition("/")
        arguments = self._arguments("dump", snapshot, f"/{path}")
        self._program.stream(arguments, to, f"fetch {file.name}", stop)

    def _of(self, snapshot: dict[str, Any], nodes: Sequence[dict[str, Any]]) -> list[StoredFile]:
        return [
            StoredFile(
                name=f"{snapshot['short_id']}/{node['path'].lstrip('/')}",
                size_bytes=node.get("size"),
                # The age is that of the file in the snapshot, not of the snapshot.
                modified_at=_moment(node.get("mtime") or snapshot["time"]),
                version=snapshot["id"],
            )
            for node in nodes
            if node.get("type") == "file" and is_match(node["path"].lstrip("/"), self._pattern)
        ]

    @property
    def _pattern(self) -> str:
        return self.path.lstrip("/")

    @property
    def _searched(self) -> str:
        """The pattern for `restic find`: files match if their folder matches."""
        return f"/{self._pattern.rstrip('/')}" if self._pattern.strip("/") else "/*"

    def _output(self, *words: str) -> bytes:
        return self._program.output(self._arguments(*words, "--json"), f"read {self.place}")

    def _arguments(self, *words: str) -> list[str]:
        rate = self.limit_rate
        limit = () if rate is None else ("--limit-download", str(max(1, int(rate / 1024))))
        return ["restic", "--no-lock", "--no-cache", "--quiet", *limit, *words]

    @property
    def _program(self) -> Program:
        environment = {"RESTIC_REPOSITORY": self.repository}
        if self.password_file:
            environment["RESTIC_PASSWORD_FILE"] = self.password_file
        if self.password_command:
            environment["RESTIC_PASSWORD_COMMAND"] = shlex.join(self.password_command)
        return Program(
            name="restic",
            environment=environment,
            missing=("does not exist", "no such file", "no matching id", "is there a repository"),
        )


def _moment(text: str) -> datetime:
    """Restic writes nanoseconds; Python reads the first six digits."""
    return datetime.fromisoformat(text).astimezone(UTC)


STORAGE = ResticStorage
