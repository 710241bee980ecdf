"""Whether the cluster of a backup runs on this machine, and who of it may write to a folder of backups.

The processes of this machine tell the folders of its clusters, and the first bytes of global/pg_control whose they are. No
server is asked.
"""

import os
import pwd
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from restorecheck.postgres.server import cluster
from restorecheck.postgres.untrusted_files import open_regular
from restorecheck.rules.facts import RepositoryFacts

PROCESSES, MOUNTS = Path("/proc"), Path("/proc/self/mountinfo")
CONTROL = "global/pg_control"
HEAD, IN_PRODUCTION = struct.Struct("=QIII"), 6
"""The beginning of pg_control. A standby has the identifier of its primary, and another state."""
SERVERS = frozenset({"postgres", "postmaster", "edb-postgres"})
"""Names of a server's processes."""
ELSEWHERE = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "beegfs", "afs", "9p"})
FUSE = "fuse."
"""File systems whose disk is another machine's; of FUSE all that name their program, as fuse.s3fs."""


@dataclass(frozen=True, slots=True)
class RunningCluster:
    system_identifier: str
    user: str
    """Of the operating system: its servers run as this user."""


def clusters() -> tuple[RunningCluster, ...] | None:
    """The clusters that run on this machine, without standbys and those of drills; None: not all can be seen."""
    found = set()
    try:
        for process in PROCESSES.iterdir():
            if process.name.isdigit():
                found |= {*_cluster_of(process)}
    except (PermissionError, FileNotFoundError):
        return None
    return tuple(found)


def _cluster_of(process: Path) -> Iterator[RunningCluster]:
    """Raises PermissionError: it is another user's server."""
    try:
        name = (process / "comm").read_text().strip()
        folder = process / "cwd"
        if name not in SERVERS or _is_of_a_drill(folder):
            return
        (identifier, state), user = _control(folder), _name(process.stat().st_uid)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return  # it has ended
    if state == IN_PRODUCTION:
        yield RunningCluster(identifier, user)


def _is_of_a_drill(folder: Path) -> bool:
    """By the folder's name, too: behind the fence nothing else of the drill can be seen."""
    name = folder.readlink().parent.name
    return name.startswith(cluster.PREFIX) or (folder / ".." / cluster.MARK).exists()


def identifier_of(data: Path) -> str:
    """System identifier of a data directory; empty: it has none that can be read. Raises PermissionError."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return _control(data)[0]
    return ""


def _control(data: Path) -> tuple[str, int]:
    """System identifier and state of a data directory; none: a damaged file. Raises OSError.

    Source: src/include/catalog/pg_control.h, ControlFileData.
    """
    with open_regular(data / CONTROL) as file:
        head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return "", -1
    identifier, _, _, state = HEAD.unpack(head)
    return str(identifier), state


def repository(folder: Path, identifier: str, *, encrypted: bool) -> tuple[RepositoryFacts, ...]:
    """What is known of a folder of backups of this cluster; empty: whether it runs here cannot be seen."""
    running = clusters()
    if running is None or not identifier:
        return ()
    users = sorted({one.user for one in running if one.system_identifier == identifier})
    return (
        RepositoryFacts(
            name=str(folder),
            encrypted=encrypted,
            beside_the_database=bool(users) and not is_of_another_machine(folder),
            writable_by=_writer(folder, users[0]) if users else None,
        ),
    )


def _writer(folder: Path, user: str) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return ""
    who = user if _may_write(folder, user) else "root"
    return f"{who} may write to it on the machine of the database"


def _may_write(folder: Path, user: str) -> bool:
    state = folder.stat()
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return False
    groups = os.getgrouplist(user, entry.pw_gid)
    return (
        entry.pw_uid == state.st_uid
        or (state.st_gid in groups and bool(state.st_mode & 0o020))
        or bool(state.st_mode & 0o002)
    )


def is_of_another_machine(folder: Path) -> bool:
    """Whether its file system is mounted over a network. Source: man 5 proc_pid_mountinfo."""
    place, longest, kind = f"{folder.resolve()}/", "", ""
    with suppress(OSError):
        for line in MOUNTS.read_text().splitlines():
            left, _, right = line.partition(" - ")
            at = left.split(" ")[4].replace("\\040", " ").rstrip("/") + "/"
            if place.startswith(at) and len(at) >= len(longest):
                longest, kind = at, right.split(" ")[0]
    return kind in ELSEWHERE or kind.startswith(FUSE)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
