"""Configured commands: one lists the dumps, one writes a dump to stdout."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from restorecheck.errors import ProviderError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.names import is_match
from restorecheck.storages.programs import Program

NAME = "{name}"
"""In the arguments of `fetch`: the name of the dump, as the list has it."""


@dataclass(frozen=True, kw_only=True)
class CommandStorage(DumpStorage):
    path: str
    list: tuple[str, ...]
    fetch: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"command {self.list[0]}"

    def files(self) -> Sequence[StoredFile]:
        program = Program(name=self.list[0])
        lines = program.output(self.list, "list the dumps").decode(errors="replace").splitlines()
        every = [_stored(line) for line in lines if line.strip()]
        return [file for file in every if is_match(file.name, self.path)]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        arguments = [part.replace(NAME, file.name) for part in self.fetch]
        Program(name=arguments[0]).stream(arguments, to, f"fetch {file.name}", stop)


def _stored(line: str) -> StoredFile:
    """A plain name, or an object of JSON: `name`, and as far as known `size` (bytes) and `modified` (ISO 8601)."""
    if not line.lstrip().startswith("{"):
        return StoredFile(name=line.strip())
    try:
        said: dict[str, Any] = json.loads(line)
        size, modified = said.get("size"), said.get("modified")
        at = None if modified is None else datetime.fromisoformat(modified)
        return StoredFile(
            name=str(said["name"]),
            size_bytes=None if size is None else int(size),
            modified_at=None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)),
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise ProviderError(
            f"could not read the list of dumps: a line is neither a name nor a JSON object: {line[:200]}",
            hint='Print one name on each line, or {"name": …, "size": bytes, "modified": "2026-11-28T03:00:00Z"}.',
        ) from exc


STORAGE = CommandStorage
