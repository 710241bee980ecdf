"""The entry of one kind of storage in the configuration. Each is in the file of its keys."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from restorecheck.checks.keys import Keys

K = TypeVar("K", bound=Keys)


@dataclass(frozen=True, kw_only=True)
class StorageKind(Generic[K]):
    key: str
    """Key in a dump. The module of this name in `restorecheck.storages` lists and fetches."""
    keys: type[K]
    help: str
    schemes: tuple[str, ...] = ()
    """A `path` that begins with one of them needs no key."""
    files: tuple[str, ...] = ()
    """Keys that are paths relative to the configuration file."""
