"""Dumps in S3, or in storages with the same protocol.

Source: docs.aws.amazon.com/AmazonS3/latest/API: ListObjectsV2, ListObjectVersions, GetObject, HeadObject; UserGuide,
"Checking object integrity", "Using server-side encryption with customer-provided keys".
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from restorecheck.errors import ProviderError, TransientError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.downloads import CHUNK, download
from restorecheck.storages.integrity import Digest, Expected, expected
from restorecheck.storages.names import fixed_part, is_match
from restorecheck.storages.s3_calls import S3Access, S3Calls, asking_s3
from restorecheck.storages.s3_rights import changes_allowed

COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be restored before they can be read."""
MOST_FILES = 500_000
"""Objects that match the path. A longer list is refused: it would take more than 300 MB of memory."""
LOST = (
    ConnectionClosedError, HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError,
)  # fmt: skip
Item = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class S3Storage(DumpStorage):
    path: str
    """`s3://bucket/prefix/*.dump`"""
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    customer_key: str | None = field(default=None, repr=False)
    """Base64 of the 256 bits that the objects are encrypted with (SSE-C)."""
    versions: bool = False
    """The bucket keeps versions, and they are listed, to find deleted dumps."""

    @property
    def place(self) -> str:
        return self.path

    def address(self, name: str) -> str:
        return f"s3://{self._bucket}/{name}"

    def files(self) -> Sequence[StoredFile]:
        with asking_s3(f"list {self.path}"):
            found: list[StoredFile] = []
            for file in self._of_versions() if self.versions else map(_stored, self._current()):
                found.append(file)
                if len(found) > MOST_FILES:
                    raise ProviderError(
                        f"could not list {self.path}: more than {MOST_FILES:,} objects match",
                        hint="Use a narrower path in the target.",
                    )
            return found

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        what = f"read {self.address(file.name)}"
        digest: Digest | None = None

        def open_at(at: int) -> Iterator[bytes]:
            nonlocal digest
            answer = self._get(file, at)
            if not at:
                digest = self._digest(file, answer)
            with closing(answer["Body"]) as body:
                for data in body.iter_chunks(CHUNK):
                    if digest is not None:
                        digest.update(data)
                    yield data

        with asking_s3(what):
            whole = download(file, open_at, to, stop, what=what, lost=LOST)
            wrong = whole and digest is not None and not digest.holds()
            if digest is not None and wrong and self._has_equal_parts(file, digest.wanted):
                said = f"the received bytes do not match {digest.wanted.name}"
                raise TransientError(f"could not {what}: {said}")

    def changes_allowed(self) -> Sequence[str] | None:
        if self.endpoint_url:
            return None  # other providers have no IAM
        return changes_allowed(self._calls, self._bucket, fixed_part(self._pattern))

    def _current(self) -> Iterator[Item]:
        asked = {"OptionalObjectAttributes": ["RestoreStatus"]}
        pages = self._pages(
            "list_objects_v2", {"ContinuationToken": "NextContinuationToken"}, asked
        )
        for page in pages:
            yield from self._matching(page.get("Contents", ()))

    def _of_versions(self) -> Iterator[StoredFile]:
        """The present objects, and those hidden by a delete marker."""
        hidden: dict[str, Item] = {}
        deleted: dict[str, datetime] = {}
        marks = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
        asked = {"OptionalObjectAttributes": ["RestoreStatus"]}
        for page in self._pages("list_object_versions", marks, asked):
            for marker in self._matching(page.get("DeleteMarkers", ())):
                if marker["IsLatest"]:
                    deleted[marker["Key"]] = marker["LastModified"].astimezone(UTC)
            for item in self._matching(page.get("Versions", ())):
                if item["IsLatest"]:
                    yield _stored(item)
                else:
                    hidden.setdefault(item["Key"], item)  # the newest version of a key comes first
        for key, at in deleted.items():
            if key in hidden:
                yield _stored(hidden[key], deleted_at=at)

    def _matching(self, items: Sequence[Item]) -> Iterator[Item]:
        return (item for item in items if is_match(item["Key"], self._pattern))

    def _pages(self, operation: str, marks: dict[str, str], asked: Item) -> Iterator[Item]:
        """`marks`: parameters for the next page → the fields of a page with their values."""
        where = {"Bucket": self._bucket, "Prefix": fixed_part(self._pattern)}
        following: dict[str, str] = {}
        while True:
            page = self._calls.call(operation, **where, **asked, **following)
            yield page
            before, following = (
                following,
                {mark: page[of] for mark, of in marks.items() if page.get(of)},
            )
            if not page.get("IsTruncated"):
                return
            if following in ({}, before):
                raise ProviderError(f"could not list {self.path}: the list is incomplete")

    def _get(self, file: StoredFile, at: int) -> Item:
        """The content from a byte on; fails if the object changed since it was listed."""
        rest = {"Range": f"bytes={at}-"} if at else {}
        answer = self._calls.call(
            "get_object",
            Bucket=self._bucket,
            Key=file.name,
            IfMatch=file.version,
            **self._key,
            **rest,
        )
        if at and answer["ResponseMetadata"]["HTTPStatusCode"] != 206:  # noqa: PLR2004  # partial content
            answer["Body"].close()
            raise ProviderError(f"{self.place} does not support requests for a part of an object")
        return answer

    def _digest(self, file: StoredFile, answer: Item) -> Digest | None:
        wanted = expected(answer)
        if wanted is None:
            return None
        if wanted.parts is None:
            return Digest(wanted, None)
        size = self._size_of_part(file, 1)
        fits = size and -(-(file.size_bytes or 0) // size) == wanted.parts
        return Digest(wanted, size) if fits else None

    def _has_equal_parts(self, file: StoredFile, wanted: Expected) -> bool:
        """Whether a composite value can be computed, for which all parts must have the size of the first one."""
        if wanted.parts is None:
            return True
        sizes = (self._size_of_part(file, number) for number in range(1, wanted.parts))
        first = next(sizes, None)
        return all(size == first for size in sizes)

    def _size_of_part(self, file: StoredFile, number: int) -> int | None:
        """Size in bytes; None: the storage does not report it."""
        where = {"Bucket": self._bucket, "Key": file.name, "PartNumber": number}
        try:
            size = self._calls.call("head_object", **where, **self._key).get("ContentLength")
        except ClientError as exc:
            if exc.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # noqa: PLR2004  # 5xx
                raise
            return None
        return None if size is None else int(size)

    @property
    def _key(self) -> dict[str, Any]:
        if not self.customer_key:
            return {}
        key = base64.b64decode(self.customer_key)
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}

    @cached_property
    def _calls(self) -> S3Calls:
        access = S3Access(
            endpoint_url=self.endpoint_url,
            region=self.region,
            profile=self.profile,
            role_arn=self.role_arn,
        )
        return S3Calls(access, self.path)

    @property
    def _bucket(self) -> str:
        return urlsplit(self.path).netloc

    @property
    def _pattern(self) -> str:
        return self.path.removeprefix(f"s3://{self._bucket}").removeprefix("/")


def _stored(item: Item, deleted_at: datetime | None = None) -> StoredFile:
    return StoredFile(
        name=item["Key"],
        size_bytes=item["Size"],
        modified_at=item["LastModified"].astimezone(UTC),
        version=item["ETag"],
        problem=_cold(item) if item.get("StorageClass") in COLD else "",
        deleted_at=deleted_at,
    )


def _cold(item: Item) -> str:
    """Why an archived object cannot be read now; empty: it was restored."""
    restore = item.get("RestoreStatus", {})
    if restore.get("RestoreExpiryDate"):
        return ""
    if restore.get("IsRestoreInProgress"):
        return f"is being restored from the storage class {item['StorageClass']}: run the drill again afterwards"
    return (
        f"is in the storage class {item['StorageClass']} and cannot be read: restore the object first "
        "(aws s3api restore-object)"
    )


STORAGE = S3Storage
