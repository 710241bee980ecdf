"""A download that continues where its connection was lost."""

from collections.abc import Callable, Iterable
from typing import BinaryIO

from restorecheck.errors import TransientError
from restorecheck.ports import StoredFile

ATTEMPTS = 5
"""Consecutive connections without a byte, after which the download is tried again later."""
CHUNK = 1024 * 1024


def download(
    file: StoredFile,
    open_at: Callable[[int], Iterable[bytes]],
    to: BinaryIO,
    stop: Callable[[], bool],
    *,
    what: str,
    lost: tuple[type[Exception], ...],
) -> bool:
    """Write the whole file; False: `stop` returned True.

    Args:
        file: As it was listed.
        open_at: The content from a byte on. Its end is the end of the file, or it raises one of `lost`.
        to: Where the content is written.
        stop: Asked before each chunk.
        what: The action, as in "could not …".
        lost: What a lost connection raises.

    Raises:
        TransientError: The connection was lost repeatedly, or the size differs from the list.
    """
    at = failed = 0
    while True:
        before = at
        try:
            for data in open_at(at):
                if stop():
                    return False
                to.write(data)
                at += len(data)
                if file.size_bytes is not None and at > file.size_bytes:
                    raise _other_size(what, f"more than {at - 1}", file.size_bytes)
            break
        except lost as exc:
            failed = 0 if at > before else failed + 1
            if failed == ATTEMPTS:
                message = f"could not {what}: the connection was lost at byte {at}"
                raise TransientError(message) from exc
    if file.size_bytes not in {None, at}:
        raise _other_size(what, str(at), file.size_bytes)
    return True


def _other_size(what: str, came: str, listed: int | None) -> TransientError:
    return TransientError(f"could not {what}: received {came} bytes, the list says {listed}")
