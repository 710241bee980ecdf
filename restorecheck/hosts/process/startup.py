"""What makes the start of a command short."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around imports, and whatever else makes what stays until the end: to look through it for garbage,
    meanwhile and at the exit, takes a quarter of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
