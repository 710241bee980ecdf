"""Which file is the configuration, and its text."""

from collections.abc import Mapping
from pathlib import Path

from restorecheck.errors import ConfigError, Problem

VARIABLE = "RESTORECHECK_CONFIG"
DEFAULT_NAME = "restorecheck.yaml"
MAX_BYTES = 1024 * 1024
_START = "restorecheck config example > restorecheck.yaml"


def locate(option: str | None, environment: Mapping[str, str]) -> Path:
    """The file that `-c`, then RESTORECHECK_CONFIG, then the working directory names.

    Raises:
        ConfigError: the file does not exist.
    """
    named, origin = _named(option, environment)
    path = Path(named).expanduser()
    try:
        missing = not path.exists()
    except OSError:
        missing = False  # it may exist: reading it tells what is in the way
    if missing:
        what = f"no configuration file: looked for '{path}' ({origin})"
        step = f"write one with `{_START}`, or name another with -c or {VARIABLE}"
        raise _problem(path, f"{what}; {step}", hint=_START)
    return path


def _named(option: str | None, environment: Mapping[str, str]) -> tuple[str, str]:
    if option:
        return option, "named by -c"
    if environment.get(VARIABLE):
        return environment[VARIABLE], f"named by {VARIABLE}"
    return DEFAULT_NAME, f"in the working directory, as neither -c nor {VARIABLE} names a file"


def read(path: Path) -> str:
    """The text of the file; ConfigError says why there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _problem(path, f"the file does not exist; write one with `{_START}`") from None
    except IsADirectoryError:
        raise _problem(path, "expected a file, found a directory") from None
    except OSError as exc:
        raise _problem(path, f"the file cannot be read: {exc.strerror}") from None
    if len(content) > MAX_BYTES:
        raise _problem(path, "the file is larger than 1 MiB, which no configuration needs")
    return _decoded(path, content)


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise _problem(path, "expected UTF-8 text, found other bytes", line=line) from None


def _problem(path: Path, message: str, *, line: int | None = None, hint: str = "") -> ConfigError:
    return ConfigError((Problem(message=message, file=str(path), line=line),), hint=hint)
