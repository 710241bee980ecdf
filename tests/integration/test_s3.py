"""Dumps in a bucket: versions, archives, keys and checksums, on moto's S3 over HTTP."""

import base64
import io
import os
import threading
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError
from restorecheck.postgres.dump.fetching import Fetched
from restorecheck.storages.s3 import S3Storage

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 45_000
"""11.5 MB: three parts of 5 MiB, the last one shorter."""
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/aws/s3"}
"""With a key of KMS, the ETag is no MD5."""


@pytest.fixture(scope="module")
def server():
    made = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    made.start()
    yield "http://{}:{}".format(*made.get_host_and_port())
    made.stop()


@pytest.fixture
def bucket(server, request, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    made = Bucket(server, f"deep-{abs(hash(request.node.nodeid)) % 10**9}")
    yield made
    made.client.close()


class Bucket:
    def __init__(self, endpoint, name):
        self.endpoint, self.name = endpoint, name
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            config=Config(request_checksum_calculation="when_required"),
        )
        self.client.create_bucket(Bucket=name)

    def keep_versions(self):
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def put(self, key, body=b"a dump", **more):
        return self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def put_in_parts(self, key, sizes, algorithm=None, **more):
        by = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        where = {"Bucket": self.name, "Key": key}
        upload = self.client.create_multipart_upload(**where, **by, **more)["UploadId"]
        parts, at = [], 0
        for number, size in enumerate(sizes, 1):
            piece = {"PartNumber": number, "UploadId": upload, "Body": CONTENT[at : at + size]}
            done = self.client.upload_part(**where, **piece, **by)
            sums = {k: v for k, v in done.items() if k.startswith("Checksum") and "Type" not in k}
            parts.append({"PartNumber": number, "ETag": done["ETag"], **sums})
            at += size
        done = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
        return self.client.complete_multipart_upload(**where, **done)

    def spoil(self, key):
        """One byte of what the server holds is another; what it says of the object stays."""
        held = s3_backends["123456789012"]["aws"].buckets[self.name].keys[key]
        value = bytearray(held.value)
        value[len(value) // 2] ^= 1
        held._value_buffer.seek(0)
        held._value_buffer.write(bytes(value))

    def storage(self, path="*.dump", **keys):
        return S3Storage(
            path=f"s3://{self.name}/{path}", endpoint_url=self.endpoint, region="us-east-1", **keys
        )

    def content(self, name, **keys):
        storage = self.storage(**keys)
        (file,) = [file for file in storage.files() if file.name == name]
        to = io.BytesIO()
        storage.read(file, to, lambda: False)
        return to.getvalue()


def test_of_a_bucket_with_versions_only_the_present_ones_are_dumps(bucket):
    bucket.keep_versions()
    bucket.put("shop.dump", b"old")
    bucket.put("shop.dump", b"newer")
    for versions in (False, True):
        (file,) = bucket.storage(versions=versions).files()
        assert (file.size_bytes, file.deleted_at) == (5, None)
        assert bucket.content("shop.dump", versions=versions) == b"newer"


def test_a_newest_dump_that_was_deleted_is_no_dump_and_the_report_says_so(bucket, tmp_path):
    bucket.keep_versions()
    for day in (26, 27, 28):
        bucket.put(f"shop-2026-02-{day}.dump")
    for day in (28, 26):
        bucket.client.delete_object(Bucket=bucket.name, Key=f"shop-2026-02-{day}.dump")
    storage = bucket.storage(versions=True)
    assert {f.name: f.deleted_at is None for f in storage.files()} == {
        "shop-2026-02-26.dump": False,
        "shop-2026-02-27.dump": True,
        "shop-2026-02-28.dump": False,
    }

    copies = Fetched(storage, tmp_path / "c", max_size=None, stop=threading.Event())
    copies.begin(datetime(2026, 3, 1, tzinfo=UTC))

    assert [p.name for p in (tmp_path / "c").iterdir()] == ["shop-2026-02-27.dump"]
    (note,) = copies.notes
    assert note.startswith("shop-2026-02-28.dump, which is newer, was deleted at 20")


@pytest.mark.parametrize("kind", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_object_in_an_archive_says_how_to_restore_it(bucket, kind):
    bucket.put("shop.dump", StorageClass=kind)
    (file,) = bucket.storage().files()
    assert file.problem.startswith(f"is in the storage class {kind} and cannot be read: restore")
    with pytest.raises(ProviderError) as raised:
        bucket.storage().read(file, io.BytesIO(), lambda: False)
    assert "restore-object" in raised.value.hint
    assert not isinstance(raised.value, TransientError | NotFoundError)


@pytest.mark.parametrize("kind", ["STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING"])
def test_other_storage_classes_are_read(bucket, kind):
    bucket.put("shop.dump", StorageClass=kind)
    assert bucket.content("shop.dump") == b"a dump"


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32", "CRC32C", "CRC64NVME"])
@pytest.mark.parametrize("parts", [None, [5 * MIB, 5 * MIB, len(CONTENT) - 10 * MIB]])
def test_bytes_are_held_against_the_checksum_of_the_object(bucket, algorithm, parts):
    if parts and algorithm == "CRC32C":
        return  # moto writes another algorithm's value
    if parts:
        bucket.put_in_parts("shop.dump", parts, algorithm, **KMS)
    else:
        bucket.put("shop.dump", CONTENT, ChecksumAlgorithm=algorithm, **KMS)
    assert bucket.content("shop.dump") == CONTENT
    bucket.spoil("shop.dump")
    with pytest.raises(TransientError, match=f"do not match the checksum {algorithm}"):
        bucket.content("shop.dump")


def test_bytes_are_held_against_the_etag_of_parts(bucket):
    bucket.put_in_parts("shop.dump", [5 * MIB, 5 * MIB, len(CONTENT) - 10 * MIB])
    assert bucket.content("shop.dump") == CONTENT
    bucket.spoil("shop.dump")
    with pytest.raises(TransientError, match="do not match"):
        bucket.content("shop.dump")


def test_parts_of_unequal_sizes_are_no_wrong_bytes(bucket):
    bucket.put_in_parts(
        "shop.dump", [5 * MIB, 5 * MIB + 9, len(CONTENT) - 10 * MIB - 9], "SHA256", **KMS
    )
    assert bucket.content("shop.dump") == CONTENT


def test_an_object_under_a_key_of_kms_without_a_checksum_is_read(bucket):
    bucket.put("shop.dump", **KMS)
    assert bucket.content("shop.dump") == b"a dump"


def test_a_bucket_that_does_not_exist_says_nothing_of_the_backup(bucket):
    storage = S3Storage(path="s3://no-such-bucket/x/*.dump", endpoint_url=bucket.endpoint)
    with pytest.raises(ProviderError, match=r"could not list s3://no-such-bucket/x/\*\.dump") as e:
        storage.files()
    assert not isinstance(e.value, NotFoundError | TransientError)
    assert "dump.path" in e.value.hint


def test_what_is_gone_since_it_was_listed_is_listed_again(bucket):
    bucket.put("shop.dump")
    storage = bucket.storage()
    (file,) = storage.files()
    bucket.client.delete_object(Bucket=bucket.name, Key="shop.dump")
    with pytest.raises(TransientError):
        storage.read(file, io.BytesIO(), lambda: False)


def test_an_object_that_is_written_anew_between_list_and_read_is_listed_again(bucket):
    bucket.put("shop.dump")
    storage = bucket.storage()
    (file,) = storage.files()
    bucket.put("shop.dump", b"other")
    to = io.BytesIO()
    with pytest.raises(TransientError):
        storage.read(file, to, lambda: False)
    assert to.getvalue() == b""


def test_the_customers_key_reaches_the_storage_and_no_text():
    key = base64.b64encode(bytes(range(32))).decode()
    storage = S3Storage(path="s3://b/*.dump", customer_key=key)
    assert key not in repr(storage)


def test_no_rights_say_which_rights_are_needed(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessDeniedError, match="no usable AWS credentials"):
        bucket.storage().files()
