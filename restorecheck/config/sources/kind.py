"""What the configuration knows of one kind of source. Each entry stands beside its keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from restorecheck.checks.dialect import POSTGRESQL, Dialect
from restorecheck.checks.keys import Keys
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path

K = TypeVar("K", bound=Keys)
Absolute = Callable[[str], str]
"""A path as the file has it → the same, absolute."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The plain data of one target, before it is known to be valid."""

    target: dict[str, Any]
    keys: dict[str, Any]
    """Those of its source."""
    path: Path
    """Of the target."""
    document: Document


def _unchanged(keys: K, _absolute: Absolute) -> K:
    return keys


@dataclass(frozen=True, kw_only=True)
class SourceKind(Generic[K]):
    key: str
    """Of a target. The module of this name in `hosts.sources` makes the parts of a drill."""
    keys: type[K]
    help: str
    broken_rules: Callable[[Written], Iterator[ConfigFinding]]
    """Everything that is wrong between the keys."""
    physical: bool
    """The restored pages are production's own; those of a dump are written anew."""
    in_aws: bool = False
    """It needs AWS's certificates, and the deployed functions can drill it."""
    adopts: bool = False
    """Another program restores: a restored database starts a drill, no schedule does."""
    all_databases: bool = True
    """Without `databases`, all are proven."""
    dialect: Dialect = POSTGRESQL
    """Of the restored database."""
    with_absolute_paths: Callable[[K, Absolute], K] = _unchanged
