"""Finds and reads the configuration file."""

import errno
import os
import select
from collections.abc import Mapping
from pathlib import Path

from restorecheck.errors import ConfigError, Problem

VARIABLE = "RESTORECHECK_CONFIG"
DEFAULT_NAME = "restorecheck.yaml"
MAX_BYTES = 4 * 1024 * 1024
_START = "restorecheck config example > restorecheck.yaml"


def locate(option: str | None, environment: Mapping[str, str]) -> Path:
    """The file that `-c`, then RESTORECHECK_CONFIG, then the working directory names.

    Raises:
        ConfigError: the file does not exist.
    """
    named, origin = _named(option, environment)
    path = Path(named).expanduser()
    try:
        # For a broken or circular link, reading reports the error.
        missing = not path.exists() and not path.is_symlink()
    except OSError:
        missing = False  # it may exist: reading it reports the error
    if missing:
        what = f"no configuration file: '{path}' ({origin}) does not exist"
        step = f"create a file with `{_START}`, or name another file with -c or {VARIABLE}"
        raise _problem(path, f"{what}; {step}", hint=_START)
    return path


def _named(option: str | None, environment: Mapping[str, str]) -> tuple[str, str]:
    if option is not None:
        return option, "named by -c"
    if environment.get(VARIABLE):
        return environment[VARIABLE], f"named by {VARIABLE}"
    return DEFAULT_NAME, f"in the working directory, because neither -c nor {VARIABLE} names a file"


PATIENCE = 10.0
"""Seconds of waiting for a pipe or terminal in total; then TimeoutError."""
LOOK = 0.1
PIECES = 10_000
"""Reads of one file; a source that sends smaller pieces is refused."""


def content_of(path: Path, limit: int) -> bytes:
    """The content of the file, at most `limit` bytes.

    It may be a pipe (`-c <(sops -d …)`), possibly without a writer.

    Raises:
        OSError: It cannot be read; TimeoutError: no data, or not enough.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    content = b""
    silences = round(PATIENCE / LOOK)
    try:
        for _ in range(PIECES):
            # Reading a pipe before its first writer returns end of file; this does not.
            while not select.select([descriptor], [], [], LOOK)[0]:
                silences -= 1
                if silences <= 0:
                    raise TimeoutError(errno.ETIMEDOUT, f"no data came within {PATIENCE:g} s")
            piece = os.read(descriptor, limit - len(content))
            content += piece
            if not piece:
                return content
    finally:
        os.close(descriptor)
    raise TimeoutError(errno.ETIMEDOUT, "the data comes in too many small pieces")


def read(path: Path) -> str:
    """The text of the file; ConfigError: it cannot be read."""
    try:
        content = content_of(path, MAX_BYTES + 1)
    except FileNotFoundError:
        what = (
            "the symbolic link points to no file"
            if path.is_symlink()
            else "the file does not exist"
        )
        raise _problem(path, f"{what}; create it with `{_START}`") from None
    except IsADirectoryError:
        raise _problem(path, "expected a file, found a directory") from None
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a usable path"
        raise _problem(path, f"the file cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise _problem(path, "the file is larger than 4 MiB, the limit for a configuration")
    return _decoded(path, content)


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise _problem(path, "expected UTF-8 text, found other bytes", line=line) from None


def _problem(path: Path, message: str, *, line: int | None = None, hint: str = "") -> ConfigError:
    return ConfigError((Problem(message=message, file=str(path), line=line),), hint=hint)
