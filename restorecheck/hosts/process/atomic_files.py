"""Files that are written completely or not at all."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from restorecheck.errors import ConfigError, Problem

OWNER_ONLY = 0o600
"""Reports are evidence about a production database."""
FOR_EVERYBODY = 0o644
"""For a service of another user to read, whatever the umask."""


@contextlib.contextmanager
def writing(output: str | None, *, mode: int = OWNER_ONLY, keeps: bool = False) -> Iterator[TextIO]:
    """stdout, or a file that is written completely or not at all; a pipe or a terminal gets the text as it comes.

    Args:
        output: None for stdout.
        mode: Permissions of the file.
        keeps: The file is a user's own: there, a link stays one, and an existing file keeps its owner and permissions.

    Raises:
        ConfigError: The file cannot be written.
    """
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    try:
        if _is_stream(path):
            with path.open("w", encoding="utf-8") as stream:
                yield stream
        else:
            with _replacing(path.resolve() if keeps else path, mode, keeps=keeps) as stream:
                yield stream
    except OSError as exc:
        message = f"could not write {path}: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc


def _is_stream(path: Path) -> bool:
    """/dev/stdout, /dev/null, a named pipe: they are no files to put another one in their place."""
    with contextlib.suppress(OSError):
        kind = path.stat().st_mode
        return stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)
    return False


@contextlib.contextmanager
def _replacing(path: Path, mode: int, *, keeps: bool) -> Iterator[TextIO]:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
            os.fchmod(descriptor, mode)
            if keeps:
                _become(descriptor, path)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _become(descriptor: int, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        before = path.stat()
        with contextlib.suppress(PermissionError):  # only root may give a file away
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
