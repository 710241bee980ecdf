"""Files that are there whole or not at all."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from restorecheck.errors import ConfigError, Problem


@contextlib.contextmanager
def writing(output: str | None) -> Iterator[TextIO]:
    """stdout, or a file that is there whole or not at all."""
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
        Path(temporary).replace(path)
    except OSError as exc:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        message = f"{path} cannot be written: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
