"""Files that are written completely or not at all."""

import contextlib
import os
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
def writing(output: str | None, *, mode: int = OWNER_ONLY) -> Iterator[TextIO]:
    """stdout, or a file that is written completely or not at all.

    Raises:
        ConfigError: The file cannot be written.
    """
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
            os.fchmod(descriptor, mode)
        Path(temporary).replace(path)
    except OSError as exc:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        message = f"could not write {path}: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
