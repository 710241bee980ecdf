"""The entry of one kind of source in the configuration. Each is in the file of its keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from restorecheck.checks.dialect import POSTGRESQL, Dialect
from restorecheck.checks.keys import Keys
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path

K = TypeVar("K", bound=Keys)
NEEDS_SERVER = "runs beside a server that restorecheck starts on this machine: of dumps without `into`, and of physical backups"
Absolute = Callable[[str], str]
"""A path as the file has it → the same, absolute."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The plain data of one target, before validation."""

    target: dict[str, Any]
    keys: dict[str, Any]
    """Keys of its source."""
    path: Path
    """Path of the target."""
    document: Document


def _unchanged(keys: K, _absolute: Absolute) -> K:
    return keys


@dataclass(frozen=True, kw_only=True)
class SourceKind(Generic[K]):
    key: str
    """Key in a target. The module of this name in `hosts.sources` makes the parts of a drill."""
    keys: type[K]
    help: str
    broken_rules: Callable[[Written], Iterator[ConfigFinding]]
    """All violated rules between the keys."""
    physical: bool
    """The restored files are copies of production's; a restored dump has new files."""
    in_aws: bool = False
    """It needs AWS's certificates, and the deployed functions can drill it."""
    from_account: bool = False
    """Its backups are copied or shared from a source account, which `audit` reads."""
    upgrades: bool = False
    """Its service upgrades the restored database in place."""
    adopts: bool = False
    """Another program restores: a restored database starts a drill, no schedule does."""
    selects: bool = False
    """There is a list of backups: `select`, `every` and `when_new` have a meaning."""
    is_of_now: Callable[[K], bool] = lambda _keys: True
    """Whether the newest backup is restored to its newest state, which can be compared with an earlier night."""
    starts_server: Callable[[dict[str, Any]], bool] = lambda _keys: False
    """Whether restorecheck starts the server of the restored database; takes the plain data of the keys."""
    has_moments: bool = False
    """Checks can be asked at a named moment before the last one."""
    all_databases: bool = True
    """Without `databases`, all are checked."""
    dialect: Dialect = POSTGRESQL
    """Engine of the restored database."""
    with_absolute_paths: Callable[[K, Absolute], K] = _unchanged
