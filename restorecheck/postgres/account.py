"""The operating system's user that PostgreSQL's programs run as.

PostgreSQL refuses to run as root. Restoring a dump runs the dump's SQL as a database superuser,
and so as this user: it must own nothing of value, and it must never be `postgres`, because peer
authentication would let the restored code into a production server on the same host.
"""

import os
import pwd
from dataclasses import dataclass

from restorecheck.errors import AccessDeniedError

DEDICATED = "restorecheck"
FALLBACK = "nobody"
FORBIDDEN = frozenset({"postgres", "root"})


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def choose_account(run_as: str | None) -> Account | None:
    """Whom to become; None when the present user is the right one already.

    Raises:
        AccessDeniedError: The user does not exist, is forbidden, or cannot be become.
    """
    if run_as in FORBIDDEN:
        raise AccessDeniedError(f"postgres.run_as must not be {run_as}")
    if os.geteuid() != 0:
        if run_as is None or _lookup(run_as).uid == os.geteuid():
            return None
        raise AccessDeniedError(
            f"only root can run PostgreSQL as the user {run_as}",
            hint="Remove postgres.run_as, or start restorecheck as root.",
        )
    if run_as is not None:
        return _lookup(run_as)
    try:
        return _lookup(DEDICATED)
    except AccessDeniedError:
        return _lookup(FALLBACK)


def _lookup(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise AccessDeniedError(
            f"the operating system has no user {name}",
            hint="Create it (useradd --system --no-create-home restorecheck), "
            "or name another one in postgres.run_as.",
        ) from None
    return Account(name, entry.pw_uid, entry.pw_gid)
