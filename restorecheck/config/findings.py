"""Errors with their paths in the document; the lines are added at the end."""

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ConfigFinding:
    path: Path
    message: str
    line: int | None = None
    """Set only if the path's own line is not the right one."""


class UnusableDocumentError(Exception):
    """Raised when the document cannot be examined beyond this one finding."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.finding = ConfigFinding((), message, line)


def dotted(path: Path) -> str:
    """`("targets", 0, "dump")` as `targets[0].dump`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
