"""A bucket with one dump in it, in moto's S3 on this machine."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import boto3

from restorecheck.errors import ProviderError
from restorecheck.hosts.demo.rehearsal import without_aws

BUCKET, REGION = "course-backups", "us-east-1"


@contextmanager
def holding(dump: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The keys of a target's `dump`, each on its line, and the environment of a drill.

    Raises:
        ProviderError: moto is not installed.
    """
    try:
        from moto.server import ThreadedMotoServer
    except ImportError as exc:
        raise ProviderError(
            "moto is not installed", hint="pip install 'restorecheck[sandbox]'"
        ) from exc
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    credentials = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="demo",
            aws_secret_access_key="demo",  # noqa: S106  # moto takes any
        )
        with closing(client):
            client.create_bucket(Bucket=BUCKET)
            client.upload_file(str(dump), BUCKET, dump.name)
        keys = f"path: s3://{BUCKET}/courses-*.dump\n      s3: {{endpoint_url: '{endpoint}', region: {REGION}}}"
        yield keys, {**without_aws(os.environ), **credentials, **files}
    finally:
        server.stop()
