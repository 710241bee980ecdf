"""What the store asks of a database; each kind of database is an adapter of its own.

Statements are SQL that SQLite and PostgreSQL read alike, with `?` or `?1` for parameters. Times are texts (moments).
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Database(Protocol):
    """One connection, for one thread. Several processes may have one each.

    Raises (every method):
        StoreError: The database cannot be used; the same call may succeed later.
    """

    @property
    def place(self) -> str:
        """How messages name it: a path, or a server and its database, without a password."""
        ...

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        """Run one statement that returns no rows; returns how many rows it changed. Errors are
        those of the driver: call it within `translated` or `transaction`.
        """
        ...

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> list[Row]: ...

    def row(self, statement: str, parameters: Iterable[Any] = ()) -> Row | None:
        """The first row."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing; no other transaction of the same history runs at the same time."""
        ...

    def translated(self, verb: str) -> AbstractContextManager[None]:
        """Turns the errors of the driver into StoreError: `could not <verb> the history …`."""
        ...

    def turn(self, name: str, *, wait: bool = True) -> AbstractContextManager[None]:
        """Wait for one's turn among the hosts of this history; `name` says for what.

        Raises:
            BusyError: Without `wait`: another host has its turn.
        """
        ...

    def holder(self, name: str) -> str | None:
        """The host that has a lease; None: no living one, or the history is of one machine."""
        ...

    def close(self) -> None: ...
