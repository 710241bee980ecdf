"""Compares received bytes with S3's checksums and ETags. Pure.

Source: Amazon S3 User Guide, "Checking object integrity": a composite value is the checksum of the parts' checksums,
followed by a hyphen and the number of parts. `ETag`: the MD5, where no key of KMS or of the customer is used.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

_MD5 = re.compile(r"([0-9a-f]{32})(?:-([0-9]{1,5}))?")
_VALUE = re.compile(r"([A-Za-z0-9+/]+=*)(?:-([0-9]{1,5}))?")


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function, self._size, self._value = function, size, 0

    def update(self, data: bytes) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _aws_crc(name: str, size: int) -> Callable[[], _Hash] | None:
    """CRCs of the package awscrt, an extra: in Python they would take longer than the download."""
    try:
        function: Callable[[bytes, int], int] = getattr(import_module("awscrt.checksums"), name)
    except (ImportError, AttributeError):
        return None
    return lambda: _Crc(function, size)


def _known(algorithm: str) -> Callable[[], _Hash] | None:
    match algorithm:
        case "MD5":
            return lambda: hashlib.md5(usedforsecurity=False)
        case "SHA1":
            return lambda: hashlib.sha1(usedforsecurity=False)
        case "SHA256":
            return hashlib.sha256
        case "SHA512":
            return hashlib.sha512
        case "CRC32":
            return lambda: _Crc(zlib.crc32, 4)
        case "CRC32C":
            return _aws_crc("crc32c", 4)
        case "CRC64NVME":
            return _aws_crc("crc64nvme", 8)
        case _:
            return None


STRONGEST_FIRST = ("SHA512", "SHA256", "SHA1", "CRC64NVME", "CRC32C", "CRC32", "MD5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The expected checksum of an object."""

    name: str
    """For messages: `the ETag`, `the checksum SHA256`."""
    algorithm: str
    value: bytes
    parts: int | None = None
    """Number of parts of a composite value; None: a value of the whole object."""


def expected(answer: Mapping[str, Any]) -> Expected | None:
    """The expected checksum in an answer of GetObject; None: none that is supported here."""
    etag = _of_etag(answer)
    if etag is not None and etag.parts is None:
        return etag
    said = [found for name in STRONGEST_FIRST if (found := _of_checksum(answer, name))]
    said.sort(key=lambda found: found.parts is not None)
    return said[0] if said else etag


def _of_etag(answer: Mapping[str, Any]) -> Expected | None:
    found = _MD5.fullmatch(str(answer.get("ETag", "")).strip('"'))
    keyed = answer.get("SSECustomerAlgorithm") or answer.get("ServerSideEncryption") not in {
        None,
        "AES256",
    }
    if keyed or found is None:
        return None
    value, parts = bytes.fromhex(found[1]), int(found[2]) if found[2] else None
    return Expected(name="the ETag", algorithm="MD5", value=value, parts=parts)


def _of_checksum(answer: Mapping[str, Any], algorithm: str) -> Expected | None:
    make, found = _known(algorithm), _VALUE.fullmatch(str(answer.get(f"Checksum{algorithm}", "")))
    if make is None or found is None:
        return None
    value = base64.b64decode(found[1])
    if len(value) != len(make().digest()):
        return None
    name, parts = f"the checksum {algorithm}", int(found[2]) if found[2] else None
    if parts is None and answer.get("ChecksumType") == "COMPOSITE":
        return None
    return Expected(name=name, algorithm=algorithm, value=value, parts=parts)


class Digest:
    """Checksum of bytes in sequence."""

    def __init__(self, wanted: Expected, part_size: int | None) -> None:
        """`part_size`: of every part of a composite value except the last; None: a value of the whole object."""
        make = _known(wanted.algorithm)
        assert make is not None, "`expected` names known algorithms"
        self._make, self._part_size = make, part_size
        self._current, self._left = make(), part_size or 0
        self._digests = bytearray()
        self.wanted = wanted

    def update(self, data: bytes) -> None:
        if self._part_size is None:
            self._current.update(data)
            return
        while data:
            if not self._left:
                self._digests += self._current.digest()
                self._current, self._left = self._make(), self._part_size
            taken = data[: self._left]
            self._current.update(taken)
            self._left -= len(taken)
            data = data[len(taken) :]

    def holds(self) -> bool:
        if self._part_size is None:
            return self._current.digest() == self.wanted.value
        whole = self._make()
        whole.update(bytes(self._digests) + self._current.digest())
        return whole.digest() == self.wanted.value
