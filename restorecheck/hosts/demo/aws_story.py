"""Two nights in a simulated AWS, then an accident and the restore."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.errors import ProviderError
from restorecheck.hosts.demo import rehearsal, story
from restorecheck.hosts.demo.rehearsal import DATABASE, PASSWORD, PRODUCTION, TARGET
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.sandbox import Landscape, Pace, Sandbox
from restorecheck.sandbox.service import RESTORECHECK
from restorecheck.spelling import number_of

FACTOR = 1 / 200
"""A restore of ten minutes takes three seconds."""
POLL = 0.25
READS = ("Describe", "List", "Get", "Download")


@dataclass(frozen=True, slots=True)
class CloudStage:
    sandbox: Sandbox
    land: Landscape
    config: Path


def play(*, answers: int, factor: float = FACTOR, poll: float = POLL) -> int:
    """Run the whole demo; 0: every verdict was as expected and the data was restored."""
    rehearsal.import_sandbox()
    with tempfile.TemporaryDirectory(prefix="demo-restorecheck-aws-") as folder:
        _say(
            "== Two AWS accounts, simulated on this machine; a real PostgreSQL behind every endpoint"
        )
        with Sandbox(pace=Pace(factor=factor)) as sandbox:
            land = rehearsal.fill(sandbox, answers)
            config = Path(folder) / "restorecheck.yaml"
            rehearsal.write_config(sandbox, land, config, answers=answers, poll=poll)
            stage = CloudStage(sandbox, land, config)
            _say(
                f"source account {sandbox.source.account_id}: DB instance {PRODUCTION}, "
                f"{answers:,} answers, deletion protection on\n"
                f"backup account {sandbox.backup.account_id}: empty\n"
                f"ten minutes of AWS take {600 * factor:.2g} seconds here"
            )
            right = [
                _plan(stage),
                _good_night(stage),
                _night_after_the_loss(stage),
                _accident(stage, answers),
            ]
            page = f"restorecheck-demo-aws-{os.geteuid()}.html"
            story.write_page(config, TARGET, Path(tempfile.gettempdir()) / page)
    if not all(right):
        _say("\nA step did not give the expected result. This is a defect: please report it.")
        return Exit.INCONCLUSIVE
    _say(
        "\nEvery night got the right verdict, and the data was restored. The simulated AWS was "
        "removed with everything in it."
    )
    return Exit.VERIFIED


def _plan(stage: CloudStage) -> bool:
    _say("\n== What a drill will do, before it does anything")
    return _run(stage, "drill", "--plan") == Exit.VERIFIED


def _good_night(stage: CloudStage) -> bool:
    _say("\n== Night 1: RDS takes its automated snapshot, then the drill")
    stage.sandbox.take_automated_snapshot(PRODUCTION)
    stage.sandbox.forget_calls()
    verified = _run(stage, "drill") == Exit.VERIFIED
    _tell_calls(stage)
    return verified and _nothing_left(stage)


def _night_after_the_loss(stage: CloudStage) -> bool:
    _say(
        "\n== Night 2: half of the submissions were deleted by mistake; the snapshot job reports success"
    )
    production = stage.sandbox.instance(stage.sandbox.source, PRODUCTION)
    assert production is not None, "protected against deletion"
    with stage.sandbox.sql(production, DATABASE) as connection:
        connection.execute(
            "delete from course.answers a using course.submissions s"
            " where s.id = a.submission_id and s.student_id % 2 = 0"
        )
        connection.execute("delete from course.submissions where student_id % 2 = 0")
    stage.sandbox.take_automated_snapshot(PRODUCTION)
    return _run(stage, "drill") == Exit.FAILED and _nothing_left(stage)


def _accident(stage: CloudStage, answers: int) -> bool:
    _say(
        "\n== The accident: `terraform destroy` in the source account takes the database, and RDS "
        "takes its automated snapshots with it"
    )
    sandbox = stage.sandbox
    rds = sandbox.client("rds", sandbox.source)
    rds.modify_db_instance(
        DBInstanceIdentifier=PRODUCTION, DeletionProtection=False, ApplyImmediately=True
    )
    rds.delete_db_instance(DBInstanceIdentifier=PRODUCTION, SkipFinalSnapshot=True)
    sandbox.wait_until(lambda: sandbox.instance(sandbox.source, PRODUCTION) is None, "the end")
    left = rds.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]
    _say(f"DB instances of the source account: none; automated snapshots: {len(left) or 'none'}")
    noticed = _run(stage, "drill") == Exit.FAILED
    return noticed and _bring_back(stage, answers)


def _bring_back(stage: CloudStage, answers: int) -> bool:
    _say("\n== The way back: the newest verified copy in the backup account")
    sandbox = stage.sandbox
    rds = sandbox.client("rds", sandbox.backup)
    copies = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    for copy in copies:
        _say(f"  {copy['DBSnapshotIdentifier']}  {_verdict(copy)}")
    verified = [copy for copy in copies if _verdict(copy) == "verified"]
    newest = max(verified, key=lambda copy: copy["OriginalSnapshotCreateTime"])
    name = newest["DBSnapshotIdentifier"]
    _say(
        f"$ aws rds restore-db-instance-from-db-snapshot --db-snapshot-identifier {name} \\\n"
        f"    --db-instance-identifier {PRODUCTION} --db-subnet-group-name restorecheck …"
    )
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=PRODUCTION,
        DBSnapshotIdentifier=name,
        DBSubnetGroupName=stage.land.db_subnet_group_name,
        VpcSecurityGroupIds=[stage.land.vpc_security_group_id],
        Tags=[{"Key": "env", "Value": "production"}],
    )
    instance = sandbox.instance(sandbox.backup, PRODUCTION)
    assert instance is not None, "made above"
    sandbox.wait_until(lambda: instance.status == "available", "the restored database")
    (endpoint,) = [
        i["Endpoint"]
        for i in rds.describe_db_instances(DBInstanceIdentifier=PRODUCTION)["DBInstances"]
    ]
    found = _count(stage, endpoint)
    _say(f"{PRODUCTION} is back in the backup account: {found:,} of {answers:,} answers")
    return found == answers


def _count(stage: CloudStage, endpoint: dict[str, Any]) -> int:
    """Connects over TLS with a verified certificate and production's password."""
    with closing(
        psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user="dbadmin",
            password=PASSWORD,
            dbname=DATABASE,
            sslmode="verify-full",
            sslrootcert=str(stage.sandbox.ca_bundle),
        )
    ) as connection:
        row = connection.execute("select count(*) from course.answers").fetchone()
    if row is None:
        raise ProviderError("count(*) returned no row")
    return int(row[0])


def _verdict(copy: dict[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in copy["TagList"]}
    return str(tags.get("restorecheck:verdict", "not judged"))


def _tell_calls(stage: CloudStage) -> None:
    """The calls of restorecheck in the source account, as the simulated AWS received them."""
    sandbox = stage.sandbox
    ours = [
        call.operation
        for call in sandbox.calls
        if call.account_id == sandbox.source.account_id
        and call.caller in {RESTORECHECK, "role"}
        and call.service == "rds"
    ]
    writes = Counter(name for name in ours if not name.startswith(READS))
    told = ", ".join(f"{name} ({count})" for name, count in writes.items())
    _say(
        f"\nrestorecheck made {len(ours)} calls in the source account. The calls that write concern "
        f"only restorecheck-* snapshots: {told}"
    )


def _nothing_left(stage: CloudStage) -> bool:
    sandbox = stage.sandbox
    instances = sandbox.instances(sandbox.backup)
    copies = [n for n, s in sandbox.snapshots(sandbox.backup).items() if s.type == "manual"]
    _say(
        f"left in the backup account: {number_of(len(instances), 'DB instance')}, "
        f"{number_of(len(copies), 'snapshot copy', 'snapshot copies')}"
    )
    return not instances


def _run(stage: CloudStage, *arguments: str) -> int:
    """The command in its own process, which can reach only the sandbox."""
    environment = rehearsal.without_aws(os.environ) | stage.sandbox.environment()
    shown: Sequence[str] = ["restorecheck", arguments[0], TARGET, *arguments[1:]]
    _say(f"$ {' '.join(shown)}")
    command = [sys.executable, "-m", *shown, "-c", str(stage.config)]
    code = subprocess.call(command, env=environment)
    _say(f"exit code {code}")
    return code


def _say(text: str) -> None:
    print(text, flush=True)
