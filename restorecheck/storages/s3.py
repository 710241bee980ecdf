"""Dumps in S3, or in storages with the same protocol.

Source: docs.aws.amazon.com/AmazonS3/latest/API: ListObjectsV2, GetObject; UserGuide, "Checking object integrity".
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import (
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from restorecheck.aws.session.accounts import (
    client_config,
    session_of_role,
    usable_credentials,
)
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import ProviderError, TransientError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.storages.downloads import ATTEMPTS, CHUNK, download
from restorecheck.storages.names import fixed_part, is_match

READ_SECONDS = 60.0
COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be restored before they can be read."""
CHANGED = frozenset({"PreconditionFailed", "NoSuchKey"})
"""The object was overwritten or deleted after it was listed: the next try lists again."""
_MD5 = re.compile(r"[0-9a-f]{32}")
LOST = (
    ConnectionClosedError, HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class S3Storage(DumpStorage):
    path: str
    """`s3://bucket/prefix/*.dump`"""
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None

    @property
    def place(self) -> str:
        return self.path

    def address(self, name: str) -> str:
        return f"s3://{self._bucket}/{name}"

    def files(self) -> Sequence[StoredFile]:
        with attempting(f"list {self.path}"):
            return [
                _stored(item) for item in self._listed() if is_match(item["Key"], self._pattern)
            ]

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        what = f"read {self.address(file.name)}"
        digest, etag = hashlib.md5(usedforsecurity=False), ""

        def open_at(at: int) -> Iterator[bytes]:
            nonlocal etag
            answer = self._get(file, at)
            etag = _md5_of(answer)
            for data in answer["Body"].iter_chunks(CHUNK):
                digest.update(data)
                yield data

        try:
            with attempting(what):
                whole = download(file, open_at, to, stop, what=what, lost=LOST)
        except ProviderError as exc:
            if exc.code in CHANGED:
                raise TransientError(exc.message, code=exc.code) from exc
            raise
        if whole and etag and etag != digest.hexdigest():
            raise TransientError(f"could not {what}: the bytes that came do not match the ETag")

    def _listed(self) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=fixed_part(self._pattern),
            OptionalObjectAttributes=["RestoreStatus"],
        )
        for page in pages:
            yield from page.get("Contents", ())

    def _get(self, file: StoredFile, at: int) -> dict[str, Any]:
        """The content from a byte on; fails if the object changed since it was listed."""
        rest = {"Range": f"bytes={at}-"} if at else {"ChecksumMode": "ENABLED"}
        answer: dict[str, Any] = self._client.get_object(
            Bucket=self._bucket, Key=file.name, IfMatch=file.version, **rest
        )
        if at and answer["ResponseMetadata"]["HTTPStatusCode"] != 206:  # noqa: PLR2004  # partial content
            raise ProviderError(f"{self.place} does not answer requests for a part of an object")
        return answer

    @property
    def _bucket(self) -> str:
        return urlsplit(self.path).netloc

    @property
    def _pattern(self) -> str:
        return self.path.removeprefix(f"s3://{self._bucket}").removeprefix("/")

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401  # its types know services by literal name only
        config = client_config(ATTEMPTS, READ_SECONDS)
        with attempting(f"prepare calls to {self.path}"):
            session = boto3.session.Session(profile_name=self.profile, region_name=self.region)
            if self.role_arn:
                credentials = usable_credentials(session, f"read {self.path}", self.role_arn)
                session = session_of_role(
                    self.role_arn, credentials, session.client, session.region_name
                )
            region = session.region_name or "us-east-1"
            return session.client(
                "s3", endpoint_url=self.endpoint_url, config=config, region_name=region
            )


def _stored(item: dict[str, Any]) -> StoredFile:
    cold = item.get("StorageClass") in COLD and not item.get("RestoreStatus", {}).get(
        "RestoreExpiryDate"
    )
    return StoredFile(
        name=item["Key"],
        size_bytes=item["Size"],
        modified_at=item["LastModified"].astimezone(UTC),
        version=item["ETag"],
        problem=f"is in the storage class {item['StorageClass']} and cannot be read: restore the object first "
        "(aws s3api restore-object)"
        if cold
        else "",
    )


def _md5_of(answer: dict[str, Any]) -> str:
    """The ETag if it is the MD5 of the content: one part, encrypted with S3's own key or not at all."""
    etag = answer.get("ETag", "").strip('"')
    keyed = answer.get("SSECustomerAlgorithm") or answer.get("ServerSideEncryption") not in {
        None,
        "AES256",
    }
    return "" if keyed or not _MD5.fullmatch(etag) else etag


STORAGE = S3Storage
