"""One dump behind an HTTP address."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.downloads import CHUNK, download

TIMEOUT = urllib3.Timeout(connect=10, read=60)
OK, PARTIAL = 200, 206
PASSING = frozenset({412, 416, 429})
"""The content changed since it was listed, or the server gets too many requests: a later try may succeed."""


@dataclass(frozen=True, kw_only=True)
class HttpStorage(DumpStorage):
    path: str = field(repr=False)
    """May hold a password or a signature."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """May contain a token."""

    @property
    def place(self) -> str:
        """The URL without parts that may be a password or a signature."""
        parts = urlsplit(self.path)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def address(self, name: str) -> str:  # noqa: ARG002  # there is only one
        return self.place

    def files(self) -> Sequence[StoredFile]:
        answer = self._request("HEAD", {})
        answer.release_conn()
        length, modified = answer.headers.get("Content-Length"), answer.headers.get("Last-Modified")
        return [
            StoredFile(
                name=unquote(urlsplit(self.path).path.rpartition("/")[2]) or "dump",
                size_bytes=int(length) if length and length.isdigit() else None,
                modified_at=_moment(modified),
                version=answer.headers.get("ETag", ""),
            )
        ]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        def open_at(at: int) -> Iterator[bytes]:
            with closing(self._request("GET", {"Range": f"bytes={at}-"} if at else {})) as answer:
                if (at and answer.status != PARTIAL) or _is_other(answer, file):
                    raise TransientError(f"could not continue reading {self.place} at byte {at}")
                yield from answer.stream(CHUNK, decode_content=False)

        download(file, open_at, to, stop, what=f"read {self.place}", lost=(HTTPError, OSError))

    def _request(self, method: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        sent = {"Accept-Encoding": "identity", **self.headers, **headers}
        # A configured header may be a token: no other server gets it.
        again = urllib3.Retry(3, remove_headers_on_redirect=[*self.headers])
        try:
            answer = urllib3.PoolManager().request(
                method,
                self.path,
                headers=sent,
                preload_content=False,
                retries=again,
                timeout=TIMEOUT,
            )
        except (HTTPError, ProtocolError) as exc:
            raise TransientError(f"could not reach {self.place}: {type(exc).__name__}") from exc
        if answer.status in {OK, PARTIAL}:
            return answer
        answer.close()
        said = (
            f"could not read {self.place}: the server answers {answer.status} {answer.reason or ''}"
        )
        raise _kind(answer.status)(said.rstrip())


def _kind(status: int) -> type[ProviderError]:
    if status in {401, 403, 407}:
        return AccessDeniedError
    if status in {404, 410}:
        return NotFoundError
    return TransientError if status >= 500 or status in PASSING else ProviderError  # noqa: PLR2004  # 5xx


def _is_other(answer: urllib3.BaseHTTPResponse, file: StoredFile) -> bool:
    """Whether the content changed since it was listed."""
    return bool(file.version) and answer.headers.get("ETag", file.version) != file.version


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


STORAGE = HttpStorage
