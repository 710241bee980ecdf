"""Common part of Google Cloud Storage and Azure: the library obstore, an extra, lists and reads them.

Source: developmentseed.org/obstore, "list", "get", "exceptions"; a listing's prefix ends where a folder ends.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.downloads import CHUNK, download
from restorecheck.storages.names import fixed_part, is_match

CLIENT = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "24h"}
"""A download may take hours, but a connection without data for a minute counts as lost."""
RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
LISTED_AT_ONCE = 1000
_QUERY = re.compile(r"(https?://[^\s?]*)\?[^\s\"')]*")
"""Query part of a URL in a message: it may contain a signature."""
_STATUS = re.compile(r"status code: (\d{3})")
DENIED, MISSING = {"401", "403"}, {"404"}


@dataclass(frozen=True, kw_only=True)
class ObjectStorage(DumpStorage):
    path: str
    """`gs://bucket/folder/*.dump`, `az://container/folder/*.dump`"""
    endpoint_url: str | None = None

    @abstractmethod
    def _open(self, store: Any, bucket: str, **options: Any) -> Any:  # noqa: ANN401  # the library is an extra
        """The bucket. `store`: the module obstore.store; `options`: how requests are sent."""

    @property
    def place(self) -> str:
        return self.path

    def address(self, name: str) -> str:
        return f"{urlsplit(self.path).scheme}://{self._bucket}/{name}"

    def files(self) -> Sequence[StoredFile]:
        pattern = self.path.removeprefix(self.address("")).removeprefix("/")
        folder = fixed_part(pattern).rpartition("/")[0]
        with self._asking(f"list {self.path}"):
            pages = self._library.list(self._store, folder or None, chunk_size=LISTED_AT_ONCE)
            return [
                _stored(item) for page in pages for item in page if is_match(item["path"], pattern)
            ]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        what = f"read {self.address(file.name)}"
        lost = self._library.exceptions.GenericError

        def open_at(at: int) -> Iterator[bytes]:
            options: dict[str, Any] = {"if_match": file.version} if file.version else {}
            if at:
                options["range"] = {"offset": at}
            found = self._library.get(self._store, file.name, options=options)
            yield from map(bytes, found.stream(min_chunk_size=CHUNK))

        with self._asking(what):
            download(file, open_at, to, stop, what=what, lost=(lost,))

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        known = self._library.exceptions
        try:
            yield
        except known.BaseError as exc:
            said = _said(exc)
            answered = _STATUS.search(said)
            status = answered[1] if answered else ""
            message = f"could not {what}: {said}"
            denied = (known.PermissionDeniedError, known.UnauthenticatedError)
            if isinstance(exc, denied) or status in DENIED:
                raise AccessDeniedError(message) from exc
            if isinstance(exc, known.NotFoundError) or status in MISSING:
                # A missing bucket may be a wrong name, which says nothing about the backup.
                kind = ProviderError if what.startswith("list") else NotFoundError
                raise kind(message, hint="Correct the bucket or container of dump.path.") from exc
            passing = isinstance(exc, known.PreconditionError | known.GenericError)
            raise (TransientError if passing else ProviderError)(message) from exc

    @property
    def _library(self) -> Any:  # noqa: ANN401  # an extra
        try:
            import obstore  # noqa: PLC0415
            import obstore.exceptions  # noqa: PLC0415
        except ImportError as exc:
            raise ProviderError(
                f"could not read {self.path}: the Python package obstore is not installed",
                hint="pip install 'restorecheck[objects]'",
            ) from exc
        return obstore

    @cached_property
    def _store(self) -> Any:  # noqa: ANN401  # as above
        from obstore import store  # noqa: PLC0415

        options: dict[str, Any] = {**CLIENT}
        if (self.endpoint_url or "").startswith("http://"):
            options["allow_http"] = True
        return self._open(store, self._bucket, client_options=options, retry_config=RETRIES)

    @property
    def _bucket(self) -> str:
        return urlsplit(self.path).netloc


def _stored(item: Mapping[str, Any]) -> StoredFile:
    return StoredFile(
        name=item["path"],
        size_bytes=item["size"],
        modified_at=item["last_modified"].astimezone(UTC),
        version=item.get("e_tag") or "",
    )


def _said(exc: Exception) -> str:
    """The first line of the message, without possible signatures."""
    first = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    return _QUERY.sub(r"\1", first).partition(": <")[0][:400]
