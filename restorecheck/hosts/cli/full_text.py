"""The whole messages of a load that failed: on request only, because they may repeat rows."""

import sys
from dataclasses import dataclass, field

from restorecheck.errors import ConfigError
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.report.terminal import clean


@dataclass
class FullText:
    """Where they go: to stderr, into a file that only its owner can read, or both.

    Raises:
        ConfigError: The file cannot be written. Found out before the first drill.
    """

    on_stderr: bool
    file: str | None
    _told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write()

    def __call__(self, drill_id: str, text: str) -> str:
        """A note for the report; empty where no file was asked for."""
        lines = [f"drill {drill_id}: the full text of the error, which may repeat rows:"]
        lines += [f"  {clean(line)}" for line in text.splitlines()]
        if self.on_stderr:
            print("\n".join(lines), file=sys.stderr, flush=True)
        if self.file is None:
            return ""
        self._told += lines
        try:
            self._write()
        except ConfigError as exc:
            return f"the full text of the error is lost: {exc.message}"
        return f"the full text of the error is in {self.file}, which only its owner can read"

    def _write(self) -> None:
        if self.file is not None:
            with writing(self.file) as stream:
                stream.writelines(f"{line}\n" for line in self._told)
