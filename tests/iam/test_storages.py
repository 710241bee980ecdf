"""The rights that docs/how-to/dumps-elsewhere.md names are enough to read the dumps of a bucket, and for nothing else."""

import json
import re
from pathlib import Path

import pytest

from tests.iam.simulator import Request

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "dumps-elsewhere.md"
ACCOUNT = "111111111111"
READER = f"arn:aws:iam::{ACCOUNT}:role/reader"
BUCKET = "arn:aws:s3:::backups"
READS = [("s3:ListBucket", BUCKET), ("s3:GetObject", f"{BUCKET}/shop/a.dump")]
CHANGES = [
    *(
        (action, f"{BUCKET}/shop/a.dump")
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:RestoreObject")
    ),
    *(
        (action, BUCKET)
        for action in ("s3:DeleteBucket", "s3:PutBucketPolicy", "s3:ListBucketVersions")
    ),
    ("s3:GetObject", f"{BUCKET}/other/a.dump"),
    ("s3:GetObject", "arn:aws:s3:::others/shop/a.dump"),
]


def statements():
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return json.loads(text)["Statement"]


@pytest.mark.parametrize(("action", "resource"), READS)
def test_the_least_rights_read_the_dumps(simulator, action, resource):
    request = Request(action, resource, {"s3:prefix": "shop/"}, ACCOUNT)
    assert simulator.allows(READER, request, statements())


@pytest.mark.parametrize(("action", "resource"), CHANGES)
def test_the_least_rights_change_nothing_and_read_nothing_else(simulator, action, resource):
    assert not simulator.allows(READER, Request(action, resource, {}, ACCOUNT), statements())
