"""One simulated AWS for the tests of a module, and drills in it through the command line.

When its last test is done, every call that restorecheck made is held against promise 1.
"""

import itertools
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.sandbox import Landscape, Pace, Quotas, Sandbox
from tests.contract.aws_store import make_table
from tests.places import SHORT
from tests.rds import promise

PASSWORD = "Production-Password-1"  # noqa: S105  # of the sandbox
ROWS = 5000
READER = "reader-"
"""Begins the names of secrets that a team has made, for adopted targets."""


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@dataclass(frozen=True)
class Stage:
    """The sandbox, and what a team had set up in it."""

    sandbox: Sandbox
    land: Landscape


def run_stage(
    backup_region: str = "",
    *,
    drills: bool = True,
    factor: float = 1 / 8000,
    reads_all: bool | None = None,
    readable: bool = True,
):
    """An eighth of a millisecond stands for a second of AWS's time; only what is late to be seen
    takes longer than a poll.
    """
    pace = Pace(factor=factor, visible=0.03 / factor)
    quotas = Quotas(snapshots=2000)
    with Sandbox(
        pace=pace, quotas=quotas, backup_region=backup_region, reads_all=reads_all
    ) as sandbox:
        land = sandbox.prepare()
        production = sandbox.create_production(password=PASSWORD)
        with sandbox.sql(production, "courses") as connection:
            connection.execute(
                f"create table answers as select g as id, 'answer ' || g as text, now() as at"
                f" from generate_series(1, {ROWS}) g"
            )
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(production, "courses", readable=readable)
        sandbox.take_automated_snapshot("courses-prod")
        yield Stage(sandbox, land)
        if drills:
            promise.assert_kept(sandbox.calls)


@pytest.fixture(scope="module")
def stage():
    yield from run_stage()


@dataclass
class Outcome:
    """What one run of the command left."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.out)
        return report

    @property
    def verdict(self) -> str:
        return str(self.report["verdict"])

    @property
    def reason(self) -> str:
        return str(self.report["reason"])


@dataclass
class Scene:
    """One target in the sandbox, its configuration and its history."""

    stage: Stage
    directory: Path
    target: str
    capture: Any
    keys: dict[str, Any]

    @property
    def sandbox(self) -> Sandbox:
        return self.stage.sandbox

    @property
    def rds(self) -> dict[str, Any]:
        found: dict[str, Any] = self.keys["targets"][0]["rds"]
        return found

    def run(self, *arguments: str) -> Outcome:
        """The command, in this process."""
        path = self.directory / "restorecheck.yaml"
        path.write_text(yaml.safe_dump(self.keys))
        self.capture.readouterr()
        code = main([arguments[0], "-c", str(path), *arguments[1:]])
        captured = self.capture.readouterr()
        return Outcome(code, captured.out, captured.err)

    def drill(self, *arguments: str) -> Outcome:
        return self.run("drill", "--json", *arguments)

    def leftovers(self) -> list[str]:
        """What is there but for the copies that retention keeps."""
        sandbox = self.sandbox
        left = [*sandbox.instances(sandbox.backup)]
        secrets = sandbox.client("secretsmanager", sandbox.backup, sandbox.backup_region)
        names = [s["Name"] for s in secrets.list_secrets()["SecretList"]]
        left += [name for name in names if not name.startswith(READER)]
        left += [name for name, s in sandbox.snapshots(sandbox.source).items() if s.shared]
        return left

    def copies(self) -> list[str]:
        """Names of this target's copies, oldest first."""
        return self._named(self.sandbox.snapshots(self.sandbox.backup))

    def staging_copies(self) -> list[str]:
        return self._named(self.sandbox.snapshots(self.sandbox.source))

    def _named(self, snapshots: dict[str, Any]) -> list[str]:
        return [
            name
            for name, snapshot in snapshots.items()
            if snapshot.tags.get("restorecheck:target") == self.target
        ]


NUMBERS = itertools.count(1)


@pytest.fixture
def scene(stage, monkeypatch, capsys):
    yield from run_scene(stage, monkeypatch, capsys)


def run_scene(stage, monkeypatch, capsys):
    sandbox, land = stage.sandbox, stage.land
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        monkeypatch.delenv(key)
    for key, value in sandbox.environment().items():
        monkeypatch.setenv(key, value)
    target = f"t-{next(NUMBERS)}"
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        keys = configuration(sandbox, land, target)
        scene = Scene(stage, Path(name), target, capsys, keys)
        yield scene
        sandbox.calm()  # what one night has not come to must not happen to the next one
        forget_copies(scene)


def forget_copies(scene):
    """Copies of targets that no test will look at again only make every list longer."""
    sandbox = scene.sandbox
    places = [(sandbox.source, sandbox.region, scene.staging_copies())]
    places.append((sandbox.backup, sandbox.backup_region, scene.copies()))
    for account, region, names in places:
        for name in names:
            sandbox.client("rds", account, region).delete_db_snapshot(DBSnapshotIdentifier=name)


def configuration(sandbox: Sandbox, land: Landscape, target: str) -> dict[str, Any]:
    return {
        "version": 1,
        "sandbox": True,
        "aws": {"ca_bundle": str(sandbox.ca_bundle), "poll_interval_seconds": 0.02},
        "history": {"path": "history.sqlite"},
        "targets": [
            {
                "name": target,
                "rds": {
                    "db_instance_identifier": "courses-prod",
                    "region": sandbox.region,
                    "source": {
                        "account_id": sandbox.source.account_id,
                        "role_arn": land.role_arn,
                        "external_id": land.external_id,
                        "transit_kms_key_id": land.transit_kms_key_id,
                    },
                    "backup": {
                        "account_id": sandbox.backup.account_id,
                        "kms_key_id": land.backup_kms_key_id,
                        "region": sandbox.backup_region,
                    },
                    "restore": {
                        "db_instance_class": "db.t4g.small",
                        "db_subnet_group_name": land.db_subnet_group_name,
                        "vpc_security_group_ids": [land.vpc_security_group_id],
                        "db_parameter_group_name": land.db_parameter_group_name,
                    },
                },
                "databases": ["courses"],
                "checks": [{"row_count": {"table": "public.answers", "min": ROWS}}],
            }
        ],
    }


def adoption(scene: Scene) -> dict[str, Any]:
    """The keys of `adopt`, with the secret that its user's password is in."""
    sandbox = scene.sandbox
    secrets = sandbox.client("secretsmanager", sandbox.backup, sandbox.backup_region)
    made = secrets.create_secret(
        Name=f"{READER}{scene.target}", SecretString=json.dumps({"password": PASSWORD})
    )
    return {
        "db_instance_arn": f"arn:aws:rds:{sandbox.region}:{sandbox.source.account_id}:db:courses-prod",
        "account_id": sandbox.backup.account_id,
        "region": sandbox.backup_region,
        "user": "dbadmin",
        "secret_arn": made["ARN"],
    }


def age(hours: float) -> timedelta:
    return timedelta(hours=hours)


TABLES = itertools.count(1)


@pytest.fixture
def around(scene):
    return context_in(scene, scene.sandbox.backup_region)


def context_in(scene, region):
    """What the functions of a deployment in this region find around them; their configuration is the scene's."""
    sandbox = scene.sandbox
    name = f"drills-{next(TABLES)}"
    dynamodb = sandbox.client("dynamodb", sandbox.backup, region)
    s3 = sandbox.client("s3", sandbox.backup, region)
    make_table(dynamodb, name)
    s3.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": region},
    )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    environment = {
        "RESTORECHECK_TABLE": name,
        "RESTORECHECK_BUCKET": name,
        "RESTORECHECK_CONFIG": f"s3://{name}/restorecheck.yaml",
        "RESTORECHECK_CA_BUNDLE": str(sandbox.ca_bundle),
        "RESTORECHECK_SANDBOX": "true",
        "HOME": "/",
    }
    made = FunctionContext(environment, session=boto3.Session(region_name=region))
    configure(scene, made)
    return made


def configure(scene, around):
    around.client("s3").put_object(
        Bucket=around.setting("RESTORECHECK_BUCKET"),
        Key="restorecheck.yaml",
        Body=yaml.safe_dump(scene.keys).encode(),
    )
