"""Shared libraries that a program or an extension needs and this machine lacks, and their packages."""

import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
PROVIDES = "{library}()(64bit)"
"""How RPM names a library of 64 bits: rpm.org, "Automatic Dependency Generation"."""


def missing_of(files: Sequence[Path]) -> tuple[str, ...]:
    """Names of the libraries that these files need and the loader does not find; empty also where `ldd` is missing."""
    ldd = shutil.which("ldd")
    if ldd is None or not files:
        return ()
    try:
        done = subprocess.run(  # a list, never a shell
            [ldd, *files], capture_output=True, timeout=20, check=False, env={"LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return not_found(done.stdout.decode(errors="replace"))


def not_found(text: str) -> tuple[str, ...]:
    """The libraries that ldd did not find: `libxml2.so.2 => not found`."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(dict.fromkeys(n.split(" ")[0] for n in lines if n.endswith("=> not found")))


def install_command(libraries: Iterable[str]) -> str:
    """The operating system's command that installs them; empty: it is not known."""
    known = _debian()
    match system():
        case "debian":
            packages = [known[name] for name in libraries if name in known]
            return _command(("apt-get", "install"), packages)
        case "fedora":
            return _command(("dnf", "install"), [PROVIDES.format(library=n) for n in libraries])
        case "suse":
            return _command(("zypper", "install"), [PROVIDES.format(library=n) for n in libraries])
        case _:
            return ""


def _command(verb: Sequence[str], packages: Sequence[str]) -> str:
    return shlex.join([*verb, *dict.fromkeys(packages)]) if packages else ""


@cache
def _debian() -> dict[str, str]:
    text = resources.files(__package__).joinpath("libraries.toml").read_text(encoding="utf-8")
    return {name: str(package) for name, package in tomllib.loads(text).items()}


@cache
def system() -> str:
    """The family of the operating system, by its packages: `debian`, `fedora`, `suse`; empty: another."""
    try:
        return family(OS_RELEASE.read_text())
    except OSError:
        return ""


def family(os_release: str) -> str:
    """As `system`. Source: os-release(5), ID and ID_LIKE."""
    pairs = (line.partition("=") for line in os_release.splitlines())
    values = {key: value.strip("\"'") for key, _, value in pairs}
    words = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".split()
    families = {"debian": "debian", "ubuntu": "debian", "fedora": "fedora", "rhel": "fedora"}
    families |= {"centos": "fedora", "suse": "suse", "opensuse": "suse"}
    return next((families[word] for word in words if word in families), "")
