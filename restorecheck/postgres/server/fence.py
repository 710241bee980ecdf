"""Runs one program of PostgreSQL in a fence: a dump's code can access only its own data (Linux).

`processes.spawn` starts this file as a separate program: it forks and changes namespaces, which a process
with threads must not do. It imports only the standard library, and everything here: after the file system
is replaced, Python finds no module. `main` gets one end of a socket pair (SOCK_SEQPACKET), with messages:

    → the order: a dict, see `Order` in processes.py
    ← the number of the program's process
    ← the parts of the fence that the kernel refused, or ["error", why the program does not start]
    → one byte: the number is recorded, start the program
    ← the end of the connection: the program has started; or ["error", why not]

It stays as the parent of the program, and ends with the program's exit code when no child of the program
runs: in a process namespace the kernel ends them, elsewhere this parent adopts the orphans.

Sources: namespaces(7), user_namespaces(7), pid_namespaces(7), mount_setattr(2), pivot_root(2), prctl(2);
the numbers are those of linux/sched.h, linux/mount.h, linux/prctl.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import signal
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # these imports would take half of the start time
    from collections.abc import Iterable
    from typing import Any, NoReturn

WALLS = {
    "files": "a file system of its own",
    "processes": "a process namespace",
    "network": "a network namespace",
    "memory": "an IPC namespace",
    "calls": "a filter of system calls",
}
"""Parts of the fence that a kernel may not support, with their names in reports."""


def named(walls: Iterable[str]) -> str:
    """Their names in one text."""
    return ", ".join(WALLS[wall] for wall in walls)


SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
"""Folders with programs and libraries: read-only for the program, like the files below."""
SETTINGS = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "nsswitch.conf", "host.conf"),
    *("localtime", "timezone", "locale.alias", "group", "protocols", "services", "fonts", "perl"),
    *("python3", "ssl/openssl.cnf", "ImageMagick-6", "R", "os-release"),
)
"""In /etc: files that libraries read, and no configuration of a service."""
FOR_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/crypto-policies",
)
CACHES = ("/var/cache/postgresql",)
"""Debian's dictionaries of text search."""
DEVICES = ("null", "zero", "full", "random", "urandom")

MESSAGE = 1 << 20
FILE_BYTES = 16 << 30
"""Limit of one file; a write beyond it fails. PostgreSQL splits tables into files of 1 GB (or of --with-segsize)."""
PROCESSES = 1024
"""Processes of the user of a drill; a further fork fails."""
LEAST_DATA = 4 << 30
"""Least limit of the memory of one process, in bytes; a larger allocation fails."""

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE, _TREE_CLONE = -100, 0x1000, 0x8000, 1
_MOVE_EMPTY_PATH = 4
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8  # the same for mount and mount_setattr
_MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x4000, 0x40000, 2
_SET_DUMPABLE, _SET_PDEATHSIG, _CAPBSET_DROP, _SET_SUBREAPER, _NO_NEW_PRIVS = 4, 1, 24, 36, 38
_SIOCSIFFLAGS, _IFF_UP, _AF_INET, _SOCK_DGRAM = 0x8914, 1, 2, 2
_SET_SECCOMP, _SECCOMP_MODE_FILTER, _JOIN_SESSION_KEYRING = 22, 2, 1
_LAST_CAPABILITY = 63

_REFUSED = {
    "x86_64": {
        "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "ptrace": 101,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "add_key": 248,
        "request_key": 249, "keyctl": 250, "userfaultfd": 323, "bpf": 321, "perf_event_open": 298,
    },
    "aarch64": {
        "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "ptrace": 117,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "add_key": 217,
        "request_key": 218, "keyctl": 219, "userfaultfd": 282, "bpf": 280, "perf_event_open": 241,
    },
}  # fmt: skip
"""System calls that a server does not need, and by which a program could leave its fence: new namespaces and
mounts, the cgroup and keyrings of its starter, the server's own process.
"""
_REFUSED_EVERYWHERE = (425, 428, 429, 430, 431, 432, 433, 438, 442)
"""io_uring_setup (which makes sockets past a filter), open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
pidfd_getfd, mount_setattr: the same numbers on every architecture.
"""
_CLONE, _SOCKET = {"x86_64": 56, "aarch64": 220}, {"x86_64": (41, 53), "aarch64": (198, 199)}
_CLONE3 = 435
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. The network namespace holds none of the others' ports (AF_VSOCK)."""
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

libc = ctypes.CDLL(None, use_errno=True)


class suppress:  # noqa: N801  # as contextlib's, which imports much
    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)


def main(control: int) -> None:
    order = marshal.loads(os.read(control, MESSAGE))
    _set_up_parent(order)
    missing: list[str] = []
    if order["walls"]:
        _become_alone(order, missing)
    elif order["open"]:
        _only_processes(missing)
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        _begin(order, missing, control, alive)
    os.write(control, marshal.dumps(child))
    for descriptor in (control, alive):
        os.close(descriptor)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    _await(child)


# --- the parent --------------------------------------------------------------------------------


def _set_up_parent(order: dict[str, Any]) -> None:
    """End soon after the starting process; adopt the program's orphans."""
    if not order["outlives"]:
        libc.prctl(_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != order["parent"]:
            os._exit(1)
    libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _await(child: int) -> NoReturn:
    def pass_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    def end(_number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGQUIT, pass_on)
    signal.signal(signal.SIGTERM, end)
    status = os.waitpid(child, 0)[1]
    with suppress(ChildProcessError):
        while True:
            # Orphans of the program: none if it had a process namespace.
            for orphan in _children():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)
    if os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        with suppress(OSError):  # SIGKILL cannot be handled
            signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                if file.read().rpartition(b") ")[2].split()[1] == me.encode():
                    found.append(int(name))
    return found


# --- the walls ---------------------------------------------------------------------------------


def _become_alone(order: dict[str, Any], missing: list[str]) -> None:
    """Unshare what the kernel allows, in a user namespace if that is needed."""
    direct = os.geteuid() == 0 and libc.unshare(_NEWNS) == 0
    if not direct:
        _become(order)
        if not _enter_user_namespace():
            refused = {"files", "processes", "network", "memory"}
            missing += [
                w for w in WALLS if w in refused and not (order["network"] and w == "network")
            ]
            return
    wanted = {
        "processes": _NEWPID,
        "network": 0 if order["network"] else _NEWNET,
        "memory": _NEWIPC,
    }
    if not direct:
        wanted = {"files": _NEWNS, **wanted}
    missing += [wall for wall, flag in wanted.items() if flag and libc.unshare(flag) != 0]
    if not order["network"] and "network" not in missing:
        _raise_loopback()


def _only_processes(missing: list[str]) -> None:
    """A process namespace and no other wall."""
    if os.geteuid() == 0 and libc.unshare(_NEWPID) == 0:
        return
    if not _enter_user_namespace() or libc.unshare(_NEWPID) != 0:
        missing.append("processes")


def _enter_user_namespace() -> bool:
    uid, gid = os.geteuid(), os.getegid()
    libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps belong to root after a change of user
    if libc.unshare(_NEWUSER) != 0:
        return False
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    except OSError:
        return False
    return True


def _raise_loopback() -> None:
    """PostgreSQL before 15 sends its statistics over it."""
    wire = libc.socket(_AF_INET, _SOCK_DGRAM, 0)
    request = b"lo".ljust(16, b"\0") + _IFF_UP.to_bytes(2, sys.byteorder) + bytes(22)  # ifreq
    libc.ioctl(wire, _SIOCSIFFLAGS, request)
    os.close(wire)


def _begin(order: dict[str, Any], missing: list[str], control: int, alive: int) -> NoReturn:
    """In the child: the work after the fork, then the program."""
    try:
        if order["walls"] and "files" not in missing and not _hide_files(order):
            missing.append("files")
        if not order["open"]:
            _leave_keyring()
            _become(order)
            _limit(order)
        if order["walls"] and not _filter_calls():
            missing.append("calls")
        libc.prctl(
            _SET_PDEATHSIG, order["dies_by"] if "memory" in missing else signal.SIGKILL, 0, 0, 0
        )
        os.set_blocking(alive, False)
        with suppress(BlockingIOError):
            os.read(alive, 1)  # end of file: the parent has ended
            os._exit(1)
        os.write(control, marshal.dumps(missing))
        if os.read(control, 1) != b"g":
            os._exit(1)
        os.set_inheritable(control, False)
        if "files" in missing or not order["walls"]:
            os.chdir(order["directory"])
        os.umask(0o077)
        for number in (
            signal.SIGPIPE,
            signal.SIGXFSZ,
        ):  # Python ignores them, and a child would inherit that
            signal.signal(number, signal.SIG_DFL)
        os.execve(order["argv"][0], order["argv"], order["environment"])  # noqa: S606  # a list, never a shell
    except BaseException as exc:  # noqa: BLE001  # reported to the starting process
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else repr(exc)
        os.write(control, marshal.dumps(["error", why]))
    os._exit(127)


def _become(order: dict[str, Any]) -> None:
    """Become the user of the program, irrevocably."""
    if os.geteuid() != 0 or order["uid"] is None:
        return
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(order["gid"])
    os.setuid(order["uid"])


def _limit(order: dict[str, Any]) -> None:
    """No rights through setuid programs; limits for file size, memory of a process, and number of processes."""
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_DATA: max(memory // 2, LEAST_DATA),
    }
    if order["alone"]:  # else the limit counts processes of others, too
        bounds[resource.RLIMIT_NPROC] = PROCESSES
    for kind, wanted in bounds.items():
        hard = resource.getrlimit(kind)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))


# --- system calls -------------------------------------------------------------------------------


def _leave_keyring() -> None:
    """The starting process may have keys in its session keyring, which the program would inherit; keyrings(7)."""
    number = _REFUSED.get(os.uname().machine, {}).get("keyctl")
    if number is not None:
        libc.syscall(number, _JOIN_SESSION_KEYRING, None)


def _filter_calls() -> bool:
    """False: the kernel refuses, or the numbers for this machine are not known. seccomp(2), bpf(4)."""
    machine = os.uname().machine
    if machine not in _REFUSED:
        return False
    steps = b"".join(code.to_bytes(2, "little") + bytes([yes, no]) + k.to_bytes(4, "little")
                     for code, yes, no, k in _filter_steps(machine))  # fmt: skip
    held = ctypes.create_string_buffer(steps)

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    program = Program(len(steps) // 8, ctypes.addressof(held))
    return bool(libc.prctl(_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter_steps(machine: str) -> list[tuple[int, int, int, int]]:
    """Instructions of struct sock_filter: code, jump if true, jump if false, operand."""
    load, equal, at_least, any_of, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    number, architecture, first = 0, 4, 16  # offsets in struct seccomp_data

    def refused(code: int, operand: int, error: int = _EPERM) -> list[tuple[int, int, int, int]]:
        return [(code, 0, 1, operand), (answer, 0, 0, refuse | error)]

    steps = [
        (load, 0, 0, architecture),
        (equal, 1, 0, _ARCHITECTURE[machine]),
        (answer, 0, 0, refuse | _EPERM),
        (load, 0, 0, number),
    ]
    if machine == "x86_64":
        steps += refused(at_least, _X32)
    for call in (*_REFUSED[machine].values(), *_REFUSED_EVERYWHERE):
        steps += refused(equal, call)
    steps += refused(
        equal, _CLONE3, _ENOSYS
    )  # then libraries use clone, whose flags the filter can read
    steps += [
        (equal, 0, 4, _CLONE[machine]),
        (load, 0, 0, first),
        *refused(any_of, _NEW_NAMESPACES),
        (answer, 0, 0, allow),
    ]
    one, pair = _SOCKET[machine]
    steps += [(equal, 1, 0, one), (equal, 0, len(_FAMILIES) + 2, pair), (load, 0, 0, first)]
    for place, family in enumerate(_FAMILIES):
        steps.append((equal, len(_FAMILIES) - place, 0, family))
    return [*steps, (answer, 0, 0, refuse | _EAFNOSUPPORT), (answer, 0, 0, allow)]


# --- files -------------------------------------------------------------------------------------


def _hide_files(order: dict[str, Any]) -> bool:
    """A new root folder with only what the program needs. False: the kernel refuses.

    Everything is copied by descriptors before anything is covered, so a refusal changes nothing.
    """
    base = "/tmp"  # noqa: S108  # covered by a file system of our own
    if not os.path.isdir(base):
        return False
    try:
        _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
        links, trees = _needed(order)
        _mount("restorecheck", base, "tmpfs", _NOSUID | _NODEV, "mode=0755,size=16m")
    except OSError:
        return False
    try:
        _furnish(base, order)  # first: needed files may be in /tmp
        for path, to in links:
            _make_folder(base, os.path.dirname(path))
            os.symlink(to, f"{base}{path}")
        for path, tree, is_folder in trees:
            _attach(tree, base, path, is_folder=is_folder)
        os.chdir(base)
        _check(libc.pivot_root(b".", b"."))
        _check(libc.umount2(b".", _MNT_DETACH))
    except OSError:
        libc.umount2(base.encode(), _MNT_DETACH)
        return False
    os.chdir("/")
    _set_attributes(os.open("/", os.O_PATH), _RDONLY, recursive=False)
    return True


def _needed(order: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, int, bool]]]:
    """Links to make, and copies of mounts: path, descriptor, whether it is a folder."""
    shared = [*SYSTEM, *(f"/etc/{name}" for name in SETTINGS), *CACHES]
    if order["network"]:
        shared += FOR_NETWORK
    links: list[tuple[str, str]] = []
    trees: list[tuple[str, int, bool]] = []
    for path in shared:
        if os.path.islink(path) and path in SYSTEM:
            links.append((path, os.readlink(path)))
        elif os.path.exists(path):
            trees.append(_copied(path, _RDONLY | _NOSUID))
    seen = tuple(f"{path}/" for path in shared)
    more = [p for p in order["readable"] if os.path.exists(p) and not f"{p}/".startswith(seen)]
    trees += [_copied(path, _RDONLY | _NOSUID | _NODEV) for path in more]
    trees += [_copied(f"/dev/{name}", _NOSUID | _NOEXEC) for name in DEVICES]
    trees += [_copied(path, _NOSUID | _NODEV | _NOEXEC) for path in order["writable"]]
    return links, trees


def _copied(path: str, attributes: int) -> tuple[str, int, bool]:
    flags = _TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    tree = _check(libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags))
    _set_attributes(tree, attributes, recursive=True)
    return path, tree, stat.S_ISDIR(os.fstat(tree).st_mode)


def _set_attributes(descriptor: int, attributes: int, *, recursive: bool) -> None:
    values = (ctypes.c_uint64 * 4)(
        attributes, 0, 0, 0
    )  # struct mount_attr: set, clear, propagation, userns
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    _check(libc.syscall(_MOUNT_SETATTR, descriptor, b"", flags, values, ctypes.sizeof(values)))


def _attach(tree: int, base: str, path: str, *, is_folder: bool) -> None:
    target = f"{base}{path}"
    if is_folder:
        _make_folder(base, path)
    else:
        _make_folder(base, os.path.dirname(path))
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o644))
    _check(libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_EMPTY_PATH))
    os.close(tree)


def _make_folder(base: str, path: str) -> None:
    os.umask(0o022)
    os.makedirs(f"{base}{path}", exist_ok=True)


def _furnish(base: str, order: dict[str, Any]) -> None:
    """Parts that programs expect of every system: /proc, /tmp, some links, a name for the user."""
    for name in ("proc", "tmp", "run", "var", "etc", "dev"):
        _make_folder(base, f"/{name}")
    with suppress(
        OSError
    ):  # refused where parts of the outer /proc are covered; PostgreSQL does not need it
        _mount("proc", f"{base}/proc", "proc", _RDONLY | _NOSUID | _NODEV | _NOEXEC)
    own = f"{base}/tmp"  # noqa: S108  # a file system of its own
    _mount("restorecheck", own, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "mode=1777,size=64m")
    os.symlink("/proc/self/fd", f"{base}/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{base}/dev/{name}")
    uid = os.geteuid() if order["uid"] is None else order["uid"]
    gid = os.getegid() if order["gid"] is None else order["gid"]
    # initdb requires a name for its user. Source: src/common/username.c, get_user_name.
    _write(f"{base}/etc/passwd", f"restorecheck:x:{uid}:{gid}::/:/bin/false\n")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    of_kind = kind.encode() if kind else None
    _check(
        libc.mount(source.encode(), os.fsencode(target), of_kind, flags, options.encode() or None)
    )


def _check(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
