"""Two nights in a simulated AWS, then an accident and the restore."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.aws.session.naming import VERDICT
from restorecheck.errors import ProviderError
from restorecheck.hosts.demo import rehearsal, story
from restorecheck.hosts.demo.rehearsal import DATABASE, PASSWORD, PRODUCTION
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.sandbox import Landscape, Pace, Sandbox
from restorecheck.sandbox.service import RESTORECHECK
from restorecheck.simulated import Database, Snapshot
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
    aurora: bool = False

    @property
    def target(self) -> str:
        return rehearsal.target_of(aurora=self.aurora)

    @property
    def what(self) -> str:
        return "DB cluster" if self.aurora else "DB instance"

    def production(self) -> Database | None:
        of_account = self.sandbox.clusters if self.aurora else self.sandbox.instances
        return of_account(self.sandbox.source).get(PRODUCTION)

    def copies(self) -> dict[str, Snapshot]:
        """In the backup account."""
        of_account = self.sandbox.cluster_snapshots if self.aurora else self.sandbox.snapshots
        found = of_account(self.sandbox.backup)
        return {name: copy for name, copy in found.items() if copy.type == "manual"}


def play(*, answers: int, factor: float = FACTOR, poll: float = POLL, aurora: bool = False) -> int:
    """Run the whole demo; 0: every verdict was as expected and the data was restored."""
    rehearsal.import_sandbox()
    with tempfile.TemporaryDirectory(prefix="demo-restorecheck-aws-") as folder:
        _say(
            "== Two AWS accounts, simulated on this machine; a real PostgreSQL behind every endpoint"
        )
        with Sandbox(pace=Pace(factor=factor)) as sandbox:
            land = rehearsal.fill(sandbox, answers, aurora=aurora)
            config = Path(folder) / "restorecheck.yaml"
            rehearsal.write_config(sandbox, land, config, answers=answers, poll=poll, aurora=aurora)
            stage = CloudStage(sandbox, land, config, aurora)
            _say(
                f"source account {sandbox.source.account_id}: {stage.what} {PRODUCTION}, "
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
            story.write_page(config, stage.target, Path(tempfile.gettempdir()) / page)
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
    production = stage.production()
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
    (_destroy_cluster if stage.aurora else _destroy_instance)(rds)
    sandbox.wait_until(lambda: stage.production() is None, "the end")
    of_account = sandbox.cluster_snapshots if stage.aurora else sandbox.snapshots
    left = [s for s in of_account(sandbox.source).values() if s.type == "automated"]
    _say(f"{stage.what}s of the source account: none; automated snapshots: {len(left) or 'none'}")
    noticed = _run(stage, "drill") == Exit.FAILED
    return noticed and _bring_back(stage, answers)


def _destroy_instance(rds: Any) -> None:  # noqa: ANN401  # boto3's client
    rds.modify_db_instance(
        DBInstanceIdentifier=PRODUCTION, DeletionProtection=False, ApplyImmediately=True
    )
    rds.delete_db_instance(DBInstanceIdentifier=PRODUCTION, SkipFinalSnapshot=True)


def _destroy_cluster(rds: Any) -> None:  # noqa: ANN401  # as above
    rds.modify_db_cluster(
        DBClusterIdentifier=PRODUCTION, DeletionProtection=False, ApplyImmediately=True
    )
    rds.delete_db_instance(DBInstanceIdentifier=f"{PRODUCTION}-1", SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier=PRODUCTION, SkipFinalSnapshot=True)


def _bring_back(stage: CloudStage, answers: int) -> bool:
    _say("\n== The way back: the newest verified copy in the backup account")
    sandbox = stage.sandbox
    rds = sandbox.client("rds", sandbox.backup)
    copies = stage.copies()
    for name, copy in copies.items():
        _say(f"  {name}  {_verdict(copy)}")
    name = _printed_snapshot(stage)
    newest = copies.get(name)
    if newest is None or _verdict(newest) != "verified":
        raise ProviderError(f"the runbook names no verified copy, but {name!r}")
    endpoint = (
        _restored_cluster(stage, rds, newest) if stage.aurora else _restored(stage, rds, name)
    )
    found = _count(stage, endpoint)
    _say(f"{PRODUCTION} is back in the backup account: {found:,} of {answers:,} answers")
    return found == answers


def _printed_snapshot(stage: CloudStage) -> str:
    """Show the runbook; the copy that it restores."""
    shown = ["restorecheck", "bring-back", stage.target]
    _say(f"$ {' '.join(shown)}")
    environment = rehearsal.without_aws(os.environ) | stage.sandbox.environment()
    command = [sys.executable, "-m", *shown, "-c", str(stage.config)]
    printed = subprocess.run(
        command, env=environment, check=False, stdout=subprocess.PIPE, text=True
    ).stdout
    _say(textwrap.indent(printed.rstrip(), "    "))
    found = re.search(r"^SNAPSHOT=(\S+)$", printed, re.MULTILINE)
    return found[1] if found else ""


def _restored(stage: CloudStage, rds: Any, name: str) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Its endpoint."""
    sandbox = stage.sandbox
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
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=PRODUCTION)["DBInstances"]
    endpoint: dict[str, Any] = found["Endpoint"]
    return endpoint


def _restored_cluster(stage: CloudStage, rds: Any, copy: Snapshot) -> dict[str, Any]:  # noqa: ANN401  # as above
    """The endpoint of its writer."""
    sandbox, name = stage.sandbox, copy.identifier
    version = copy.instance_settings["EngineVersion"]
    _say(
        f"$ aws rds restore-db-cluster-from-snapshot --snapshot-identifier {name} \\\n"
        f"    --db-cluster-identifier {PRODUCTION} --engine aurora-postgresql \\\n"
        f"    --engine-version {version} --db-subnet-group-name restorecheck …\n"
        f"$ aws rds create-db-instance --db-instance-identifier {PRODUCTION}-1 \\\n"
        f"    --db-cluster-identifier {PRODUCTION} --no-publicly-accessible …"
    )
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=PRODUCTION,
        SnapshotIdentifier=name,
        Engine="aurora-postgresql",
        EngineVersion=version,
        DBSubnetGroupName=stage.land.db_subnet_group_name,
        VpcSecurityGroupIds=[stage.land.vpc_security_group_id],
        Tags=[{"Key": "env", "Value": "production"}],
    )
    cluster = sandbox.clusters(sandbox.backup)[PRODUCTION]
    sandbox.wait_until(lambda: cluster.status == "available", "the restored cluster")
    rds.create_db_instance(
        DBInstanceIdentifier=f"{PRODUCTION}-1",
        DBClusterIdentifier=PRODUCTION,
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
        PubliclyAccessible=False,
    )
    sandbox.wait_until(lambda: cluster.reachable, "its instance")
    (found,) = rds.describe_db_clusters(DBClusterIdentifier=PRODUCTION)["DBClusters"]
    return {"Address": found["Endpoint"], "Port": found["Port"]}


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


def _verdict(copy: Snapshot) -> str:
    return copy.tags.get(VERDICT, "not judged")


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
    clusters, copies = sandbox.clusters(sandbox.backup), stage.copies()
    of_aurora = f"{number_of(len(clusters), 'DB cluster')}, " if stage.aurora else ""
    _say(
        f"left in the backup account: {of_aurora}{number_of(len(instances), 'DB instance')}, "
        f"{number_of(len(copies), 'snapshot copy', 'snapshot copies')}"
    )
    return not instances and not clusters


def _run(stage: CloudStage, *arguments: str) -> int:
    """The command in its own process, which can reach only the sandbox."""
    environment = rehearsal.without_aws(os.environ) | stage.sandbox.environment()
    shown: Sequence[str] = ["restorecheck", arguments[0], stage.target, *arguments[1:]]
    _say(f"$ {' '.join(shown)}")
    command = [sys.executable, "-m", *shown, "-c", str(stage.config)]
    code = subprocess.call(command, env=environment)
    _say(f"exit code {code}")
    return code


def _say(text: str) -> None:
    print(text, flush=True)
