"""The history that a command asks: of this machine, or of an AWS deployment."""

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from restorecheck.config import Config
from restorecheck.errors import ConfigError, Problem, ProviderError, StoreError
from restorecheck.hosts.process.histories import open_history
from restorecheck.ports import Proofs
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sql.store import SqlStore

if TYPE_CHECKING:
    from restorecheck.aws.deployment.stores import AwsStore


@contextlib.contextmanager
def opened(config: Config) -> Iterator[SqlStore]:
    store = open_history(config.history)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def asked_for(config: Config, arguments: argparse.Namespace) -> Iterator["SqlStore | AwsStore"]:
    """The history to query: the configuration's, or that of an AWS deployment."""
    if not arguments.table and not arguments.bucket:
        with opened(config) as store:
            yield store
        return
    if not (arguments.table and arguments.bucket):
        message = "--table and --bucket go together: they name the history of an AWS deployment"
        raise ConfigError((Problem(message=message),))
    from restorecheck.hosts.functions.surroundings import BUCKET, SANDBOX, TABLE, FunctionContext

    names = {TABLE: arguments.table, BUCKET: arguments.bucket}
    try:
        yield FunctionContext(names | {SANDBOX: str(config.sandbox).lower()}).store
    except ProviderError as exc:
        raise StoreError(exc.message, hint=exc.hint) from exc


def proofs_of(store: "SqlStore | AwsStore") -> Proofs:
    """The signatures and notes beside a history."""
    if isinstance(store, SqlStore):
        return SqlProofs(store.database)
    return store.proofs
