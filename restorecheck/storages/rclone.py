"""Every storage that rclone supports: SFTP, Google Cloud Storage, Azure, Backblaze and about seventy others.

Source: rclone.org/commands/rclone_lsjson and rclone_cat.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.names import is_match
from restorecheck.storages.programs import Program


@dataclass(frozen=True, kw_only=True)
class RcloneStorage(DumpStorage):
    path: str
    remote: str
    config_file: str | None = None
    limit_rate: float | None = None
    """Bytes a second."""

    @property
    def place(self) -> str:
        return f"rclone {self.remote}"

    def files(self) -> Sequence[StoredFile]:
        depth = str(len(self.path.strip("/").split("/")) + 1)
        words = ("lsjson", "--files-only", "--recursive", "--max-depth", depth, self.remote)
        listed = json.loads(self._program.output(self._arguments(*words), f"list {self.place}"))
        return [
            StoredFile(
                name=item["Path"],
                size_bytes=None if item["Size"] < 0 else item["Size"],
                modified_at=datetime.fromisoformat(item["ModTime"]).astimezone(UTC),
            )
            for item in listed
            if is_match(item["Path"], self.path)
        ]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        place = f"{self.remote.rstrip('/')}{'' if self.remote.endswith(':') else '/'}{file.name}"
        self._program.stream(self._arguments("cat", place), to, f"fetch {file.name}", stop)

    def _arguments(self, *words: str) -> list[str]:
        limit = () if self.limit_rate is None else ("--bwlimit", f"{int(self.limit_rate)}B")
        return ["rclone", *limit, *words]

    @property
    def _program(self) -> Program:
        environment = {"RCLONE_ASK_PASSWORD": "false"}
        if self.config_file:
            environment["RCLONE_CONFIG"] = self.config_file
        return Program(
            name="rclone",
            environment=environment,
            missing=("directory not found", "object not found"),
            denied=("permission denied", "access denied", "unauthorized", "forbidden"),
        )


STORAGE = RcloneStorage
