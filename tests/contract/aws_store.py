"""A table and a bucket in moto, as the template makes them."""

import os
from contextlib import contextmanager

import boto3
from moto import mock_aws

from restorecheck.aws.deployment.stores import INDEX, AwsStore

REGION = "eu-west-1"


@contextmanager
def simulated_store():
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in kept:
        del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    try:
        with mock_aws():
            dynamodb = boto3.client("dynamodb", region_name=REGION)
            s3 = boto3.client("s3", region_name=REGION)
            make_table(dynamodb, "drills")
            s3.create_bucket(
                Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            s3.put_bucket_versioning(
                Bucket="reports", VersioningConfiguration={"Status": "Enabled"}
            )
            yield AwsStore(dynamodb, s3, table="drills", bucket="reports")
    finally:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del os.environ[name]
        os.environ |= kept


def make_table(dynamodb, name):
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("pk", "sk", "open", "started_at")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "open", "KeyType": "HASH"},
                    {"AttributeName": "started_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
