"""The operating system's user that PostgreSQL's programs run as.

PostgreSQL refuses to run as root. Restoring a dump runs the dump's SQL as a database superuser,
and so as this user: it must own nothing of value, and it must never be `postgres`, because peer
authentication would let the restored code into a production server on the same host.

If root starts restorecheck, each drill has its own user id, which nothing else on the machine uses: a
service that runs as the same user would be superuser of every restored database.
"""

import os
import pwd
import socket
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from restorecheck.errors import AccessDeniedError, CapacityError

DEDICATED = "restorecheck"
FALLBACK = "nobody"
FORBIDDEN = frozenset({"postgres", "root"})

FIRST, LAST = 60706, 61183
"""User ids that no distribution and no service of systemd uses, and that exist in containers, too.
Source: systemd, docs/UIDS-GIDS.md, "Special Distribution UID ranges": unused.
"""


@dataclass(frozen=True, slots=True)
class OsUser:
    name: str
    uid: int
    gid: int
    alone: bool = False
    """The user of one drill only: every process of this user may be ended."""


def choose_account(run_as: str | None) -> OsUser | None:
    """The user for throw-away servers; None: the present user.

    Raises:
        AccessDeniedError: The user does not exist, is forbidden, or needs root.
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


def any_of_a_drill(run_as: str | None) -> OsUser | None:
    """A user like that of a drill, to test what such a user can read and run.

    Raises:
        AccessDeniedError: As above.
    """
    return _numbered(FIRST) if _has_its_own(run_as) else choose_account(run_as)


class Lodging:
    """The user of one drill, locked until `close`: no other drill on this machine gets it."""

    def __init__(self, account: OsUser | None, lock: int | None = None) -> None:
        self.account = account
        self._lock = lock

    @classmethod
    def choose(cls, run_as: str | None, drill_id: str, taken: Collection[int]) -> Self:
        """A user for a new drill. `taken`: user ids in the marks of other drills.

        Raises:
            AccessDeniedError: As above.
            CapacityError: Every user id of the range is in use.
        """
        if not _has_its_own(run_as):
            return cls(choose_account(run_as))
        # Each starts at another id, so that leftovers of an unknown drill rarely belong to the same user.
        start = zlib.crc32(drill_id.encode())
        count = LAST - FIRST + 1
        for number in range(count):
            uid = FIRST + (start + number) % count
            if uid in taken or _is_known(uid):
                continue
            lock = _locked(uid)
            if lock is None:
                continue
            if _runs_something(uid):
                os.close(lock)
                continue
            return cls(OsUser(f"{uid}", uid, uid, alone=True), lock)
        raise CapacityError(
            f"all user ids from {FIRST} to {LAST} are in use",
            hint="Run `restorecheck sweep`, which removes what drills left, or set postgres.run_as.",
        )

    @classmethod
    def again(cls, account: OsUser) -> Self:
        """The user of a drill that another process started."""
        return cls(account, _locked(account.uid) if account.alone else None)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _has_its_own(run_as: str | None) -> bool:
    return run_as is None and os.geteuid() == 0


def _numbered(uid: int) -> OsUser:
    return OsUser(f"with the id {uid}", uid, uid)


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _runs_something(uid: int) -> bool:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid:
                return True
        except OSError:
            continue
    return False


def _locked(uid: int) -> int | None:
    """A descriptor of a name that the kernel frees when this process ends; None: another process has it.

    Only Linux has abstract names; elsewhere nothing is locked, and only the marks show used ids.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0restorecheck-uid-{uid}")
        except FileNotFoundError:
            pass
        except OSError:
            return None
        return lock.detach()


def _lookup(name: str) -> OsUser:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise AccessDeniedError(
            f"the operating system has no user {name}",
            hint="Create it (useradd --system --no-create-home restorecheck), "
            "or name another one in postgres.run_as.",
        ) from None
    return OsUser(name, entry.pw_uid, entry.pw_gid)
