"""Backups that barman-cloud-backup wrote into a bucket, in a copy of the bucket on this machine."""

import json
import os
import subprocess

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.acceptance.test_barman import MAJORS, NEW
from tests.chosen import chosen
from tests.missing import needs
from tests.production import age, producing

CLOUD = NEW.with_name("barman-cloud-backup")
HAS_BOTO3 = (
    CLOUD.exists()
    and not subprocess.run([CLOUD, "--help"], capture_output=True, check=False).returncode
)
pytestmark = [
    needs(
        HAS_BOTO3, "barman-cloud-backup", "see .ci/run: pip install barman[cloud] in .venv/barman"
    ),
    pytest.mark.timeout(900),  # Barman starts anew for every file
    pytest.mark.enable_socket,  # the bucket is a server of this machine
]
SECRETS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "y",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Bucket:
    def __init__(self, url, name):
        self.url, self.name = url, name
        self.place = f"s3://{name}/pg"
        self.s3 = boto3.client(
            "s3", endpoint_url=url, region_name=SECRETS["AWS_DEFAULT_REGION"],
            aws_access_key_id="x", aws_secret_access_key="y",  # noqa: S106
        )  # fmt: skip
        self.s3.create_bucket(Bucket=self.name)

    def run(self, program, *arguments):
        done = subprocess.run(
            [NEW.with_name(program), "--endpoint-url", self.url, *arguments],
            env={**os.environ, **SECRETS}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def copy(self, to):
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for item in page["Contents"]:
                path = to / item["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(self.name, item["Key"], str(path))
        age(to)


@pytest.fixture(scope="module", params=chosen(["--gzip", "--bzip2", ""], 0.3))
def made(request):
    """A backup in several tars, with a tablespace, and WAL behind it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    bucket = Bucket(
        url, f"backups{request.param}"
    )  # the servers of one process share their buckets
    options = [request.param] if request.param else []
    try:
        with producing(MAJORS[max(MAJORS)]) as production:
            place = production.directory / "space"
            place.mkdir()
            if production.account:
                os.chown(place, production.account.uid, production.account.gid)
            production.sql(f"create tablespace aside location '{place}'")
            production.sql("create table apart (id int primary key) tablespace aside")
            production.sql("insert into apart select i from generate_series(1, 500) i")
            bucket.run(
                "barman-cloud-backup", *options, "--max-archive-size", "2MB", "--immediate-checkpoint",
                "-h", production.directory, "-U", "postgres", bucket.place, "shop",
            )  # fmt: skip
            for _ in range(3):  # each file takes a second of Barman's
                production.order(1000)
                production.switch()
            label = next(production.archive.glob("*.backup"))
            needed = (p for p in production.archive.iterdir() if p.name >= label.name[:24])
            for path in sorted(needed):
                bucket.run("barman-cloud-wal-archive", *options, bucket.place, "shop", path)
        yield bucket
    finally:
        server.stop()


@pytest.fixture
def copied(world, made):
    home = world.backups / "pg"
    made.copy(world.backups)
    return home


def drill(world):
    world.config.write_text(
        "version: 1\n"
        "targets:\n"
        "  - name: shop\n"
        "    physical: {kind: barman, home: backups/pg, server: shop}\n"
        "    databases: [shop]\n"
        "    checks: [row_count: {table: orders, equals: 3000}, row_count: {table: apart, equals: 500}]\n"
        f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
        "history: {path: history.sqlite}\n"
    )
    return world.drill()


def parts(home, name="data"):
    return sorted((home / "shop" / "base").glob(f"*/{name}*.tar*"))


def segments(home):
    return sorted(
        p for p in (home / "shop" / "wals").rglob("0*") if p.is_file() and ".backup" not in p.name
    )


def test_it_is_restored_and_recovered_to_the_end_of_its_wal(world, copied):
    assert len(parts(copied)) > 1

    code, report = drill(world)

    assert (code, report["verdict"]) == (0, "verified"), json.dumps(report, indent=1)


def first_part(home):
    parts(home)[1].unlink()


def last_part(home):
    parts(home)[-1].unlink()


def tablespace(home):
    (tar,) = parts(home, "[0-9]")
    tar.unlink()


def cut(home):
    tar = parts(home)[0]
    os.truncate(tar, tar.stat().st_size // 2)


def hole(home):
    segments(home)[-2].unlink()


@pytest.mark.parametrize(
    "damage", [first_part, last_part, tablespace, cut, hole], ids=lambda d: d.__name__
)
def test_damage_fails(world, copied, damage):
    damage(copied)

    code, report = drill(world)

    assert (code, report["verdict"]) == (1, "failed"), json.dumps(report, indent=1)


def test_wal_in_a_compression_that_cannot_be_read_is_inconclusive(world, copied):
    newest = segments(copied)[-1]
    newest.rename(newest.with_name(newest.name[:24] + ".snappy"))

    code, report = drill(world)

    assert (code, report["verdict"]) == (3, "inconclusive"), json.dumps(report, indent=1)
    assert "cannot read" in report["reason"]
