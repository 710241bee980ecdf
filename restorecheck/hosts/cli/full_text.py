"""The full messages of a failed load: only on request, because they may contain rows."""

import sys
from dataclasses import dataclass, field

from restorecheck.errors import ConfigError
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.report.terminal import clean


@dataclass
class FullText:
    """Writes them to stderr, into a file that only its owner can read, or both.

    Raises:
        ConfigError: The file cannot be written; raised before the first drill.
    """

    on_stderr: bool
    file: str | None
    _told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write()

    def __call__(self, drill_id: str, text: str) -> str:
        """A note for the report; empty: no file was requested."""
        lines = [f"drill {drill_id}: the full text of the error, which may contain rows:"]
        lines += [f"  {clean(line)}" for line in text.splitlines()]
        if self.on_stderr:
            print("\n".join(lines), file=sys.stderr, flush=True)
        if self.file is None:
            return ""
        self._told += lines
        try:
            self._write()
        except ConfigError as exc:
            return f"could not write the full text of the error: {exc.message}"
        return f"the full text of the error is in {self.file}, which only its owner can read"

    def _write(self) -> None:
        if self.file is not None:
            with writing(self.file) as stream:
                stream.writelines(f"{line}\n" for line in self._told)
