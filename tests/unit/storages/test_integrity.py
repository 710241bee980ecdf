"""What an object of S3 is held against, and whether the bytes that came are the ones."""

import base64
import hashlib

import pytest

from restorecheck.storages.integrity import Digest, expected
from tests.missing import missing

DATA = b"123456789"
CHECK = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}
"""Of `DATA`: the check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io)."""
ETAG = f'"{hashlib.md5(DATA, usedforsecurity=False).hexdigest()}"'


def encoded(value):
    return base64.b64encode(value).decode()


def digested(wanted, part_size=None, data=DATA, step=2):
    digest = Digest(wanted, part_size)
    for at in range(0, len(data), step):
        digest.update(data[at : at + step])
    return digest


def of(answer):
    found = expected(answer)
    if found is None:
        missing("awscrt", "pip install 'restorecheck[objects]'")
    return found


@pytest.mark.parametrize("algorithm", CHECK)
def test_a_checksum_of_the_whole_object_is_compared(algorithm):
    said = {f"Checksum{algorithm}": encoded(bytes.fromhex(CHECK[algorithm]))}
    assert digested(of(said)).holds()
    assert not digested(of(said), data=DATA[:-1]).holds()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
@pytest.mark.parametrize("part_size", [1, 2, 4, 5, 9])
def test_a_composite_checksum_is_that_of_the_checksums_of_the_parts(algorithm, part_size):
    parts = [DATA[at : at + part_size] for at in range(0, len(DATA), part_size)]
    whole = hashlib.new(algorithm, b"".join(hashlib.new(algorithm, p).digest() for p in parts))
    value = f"{encoded(whole.digest())}-{len(parts)}"
    wanted = of({f"Checksum{algorithm.upper()}": value, "ChecksumType": "COMPOSITE"})
    assert wanted.parts == len(parts)
    for step in (1, 3, 100):
        assert digested(wanted, part_size, step=step).holds()
        assert not digested(wanted, part_size, data=b"x" + DATA[1:], step=step).holds()


def test_an_etag_of_one_part_is_the_md5():
    assert of({"ETag": ETAG}).name == "the ETag"
    assert digested(of({"ETag": ETAG, "ServerSideEncryption": "AES256"})).holds()


@pytest.mark.parametrize(
    "keyed",
    [
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSECustomerAlgorithm": "AES256"},
    ],
)
def test_an_etag_under_a_key_is_no_md5(keyed):
    assert expected({"ETag": ETAG, **keyed}) is None


def test_a_checksum_of_the_whole_object_goes_before_one_of_parts():
    both = {
        "ETag": f'"{"0" * 32}-3"',
        "ChecksumSHA256": f"{encoded(bytes(32))}-3",
        "ChecksumCRC32": encoded(bytes(4)),
    }
    assert of(both).name == "the checksum CRC32"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ETag": '"not-an-md5"'},
        {"ChecksumXXHASH3": "AAAAAAAAAAA="},
        {"ChecksumSHA256": "AAAA"},
        {"ChecksumCRC32": encoded(bytes(4)), "ChecksumType": "COMPOSITE"},
    ],
)
def test_what_is_not_known_is_not_compared(said):
    assert expected(said) is None
