"""What the configuration knows of one kind of physical backup. Each entry stands beside its keys."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from restorecheck.checks.keys import Keys

K = TypeVar("K", bound=Keys)


@dataclass(frozen=True, kw_only=True)
class PhysicalKind(Generic[K]):
    key: str
    """Value of `physical.kind`. The module of this name in `postgres.physical.sources` lists, restores and fetches WAL."""
    keys: type[K]
    """Beside those of every kind. Kinds may share a key that means the same."""
    help: str
    files: tuple[str, ...] = ()
    """Keys that are paths relative to the configuration file."""
