"""Part of `make bench`: RDS drills in the sandbox.

- A drill against the same calls made by hand and looked at a hundred times a second: what is
  left is what restorecheck adds to AWS's own durations, at the default poll interval.
- 200 drills at once in one process: memory, and describe calls per kind and tick.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.config import Config
from restorecheck.hosts.demo import rehearsal
from restorecheck.sandbox import NEVER, Landscape, Pace, Quotas, Sandbox
from restorecheck.simulated.passwords import ACTIVE

FACTOR = 1 / 60
DRILLS = 3
MANY = 200
DEFAULT_POLL = Config.model_fields["aws"].get_default(call_default_factory=True)

# No multiples of the poll interval: nobody's copies take exactly four minutes.
PACE = Pace(factor=FACTOR, copy=251, restore=613, password=67, delete=187)


def one_drill() -> None:
    poll = DEFAULT_POLL.poll_interval_seconds * FACTOR
    with Sandbox(pace=PACE) as sandbox:
        land = rehearsal.fill(sandbox, 20_000)
        sandbox.take_automated_snapshot(rehearsal.PRODUCTION)
        config = sandbox.directory / "restorecheck.yaml"
        rehearsal.write_config(sandbox, land, config, answers=1000, poll=poll)
        environment = rehearsal.without_aws(os.environ) | sandbox.environment()
        ours, bare = [], []
        for number in range(DRILLS):
            bare.append(timed(partial(by_hand, sandbox, land, f"by-hand-{number}")))
            ours.append(reported(config, environment))
    base, measured = sorted(bare)[DRILLS // 2], sorted(ours)[DRILLS // 2]
    print(
        f"drill of an RDS snapshot  {measured / FACTOR:6.0f} s of AWS's time, poll interval "
        f"{DEFAULT_POLL.poll_interval_seconds:g} s   {measured / base:5.2f} x the same calls by hand"
    )


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def reported(config: Any, environment: dict[str, str]) -> float:
    """By the report: the start of the interpreter is nothing that is scaled."""
    done = subprocess.run(
        [sys.executable, "-m", "restorecheck", "drill", "--json", "-c", str(config)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout)["time"]["total_seconds"])


def by_hand(sandbox: Sandbox, land: Landscape, name: str) -> None:
    """What AWS itself takes, from the snapshot to the deleted instance."""
    source, backup = (sandbox.client("rds", a) for a in (sandbox.source, sandbox.backup))
    automated = source.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"][-1]
    tags = [{"Key": "by", "Value": "hand"}]
    source.copy_db_snapshot(
        SourceDBSnapshotIdentifier=automated["DBSnapshotIdentifier"],
        TargetDBSnapshotIdentifier=name,
        KmsKeyId=land.transit_kms_key_id,
        Tags=tags,
    )
    snapshots = sandbox.snapshots
    sandbox.wait_until(lambda: snapshots(sandbox.source)[name].status == "available", name)
    source.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name,
        AttributeName="restore",
        ValuesToAdd=[sandbox.backup.account_id],
    )
    shared = snapshots(sandbox.source)[name]
    sandbox.wait_until(
        lambda: shared.usable_by(sandbox.backup.account_id, sandbox.rds.state.time.now()),
        "the share",
    )
    backup.copy_db_snapshot(
        SourceDBSnapshotIdentifier=shared.arn,
        TargetDBSnapshotIdentifier=name,
        KmsKeyId=land.backup_kms_key_id,
        Tags=tags,
    )
    sandbox.wait_until(lambda: snapshots(sandbox.backup)[name].status == "available", name)
    source.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=name,
        AttributeName="restore",
        ValuesToRemove=[sandbox.backup.account_id],
    )
    backup.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name,
        DBSnapshotIdentifier=name,
        DBSubnetGroupName=land.db_subnet_group_name,
        BackupRetentionPeriod=0,
        Tags=tags,
    )
    instance = sandbox.instances(sandbox.backup)[name]
    sandbox.wait_until(lambda: instance.status == "available", name)
    backup.modify_db_instance(DBInstanceIdentifier=name, ManageMasterUserPassword=True)
    sandbox.wait_until(lambda: instance.secret_status == ACTIVE, "the secret")
    count(sandbox, instance.server.port if instance.server else 0, instance.secret_arn)
    backup.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    sandbox.wait_until(lambda: name not in sandbox.instances(sandbox.backup), f"{name} to go")


def count(sandbox: Sandbox, port: int, secret_arn: str) -> None:
    secrets = sandbox.client("secretsmanager", sandbox.backup)
    secret = json.loads(secrets.get_secret_value(SecretId=secret_arn)["SecretString"])
    with psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=secret["username"],
        password=secret["password"],
        dbname=rehearsal.DATABASE,
        sslmode="verify-full",
        sslrootcert=str(sandbox.ca_bundle),
    ) as connection:
        connection.execute("select count(*) from course.answers")


def many_drills() -> None:
    """In a process of its own, so that its memory is measured and not the sandbox's."""
    pace = Pace(factor=1 / 2000)
    quotas = Quotas(instances=2 * MANY, snapshots=4 * MANY, copies_in_progress=2 * MANY)
    with Sandbox(pace=pace, quotas=quotas) as sandbox:
        land = rehearsal.fill(sandbox, 1000)
        sandbox.take_automated_snapshot(rehearsal.PRODUCTION)
        for _ in range(MANY):
            sandbox.next_restore("available", slower=NEVER)
        facts = {
            "production": rehearsal.PRODUCTION,
            "role_arn": land.role_arn,
            "external_id": land.external_id,
            "transit": land.transit_kms_key_id,
            "key": land.backup_kms_key_id,
            "subnet_group": land.db_subnet_group_name,
            "security_group": land.vpc_security_group_id,
        }
        environment = rehearsal.without_aws(os.environ) | sandbox.environment()
        sandbox.forget_calls()
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("many_drills.py")), json.dumps(facts)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout)
        calls = Counter(
            (call.account_id, call.operation, call.parameters.get("SnapshotType", ""))
            for call in sandbox.calls
            if call.operation in {"DescribeDBInstances", "DescribeDBSnapshots", "DescribeEvents"}
            and "Marker" not in call.parameters
        )
    ticks = told["seconds"] / told["tick"]
    print(
        f"{MANY} drills at once       {told['megabytes']:6.0f} MB; describe calls per tick: "
        + ", ".join(f"{name} {n / ticks:.2f}" for (_, name, _), n in sorted(calls.items()))
    )


if __name__ == "__main__":
    one_drill()
    many_drills()
