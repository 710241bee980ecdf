"""Snapshots of RDS and Aurora, and recovery points of AWS Backup, restored by AWS's command line."""

from restorecheck.config import Target
from restorecheck.config.sources.adopt import Adopt
from restorecheck.config.sources.aurora import SERVERLESS, Aurora
from restorecheck.config.sources.rds import Rds, TemporaryDatabase
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, RunbookStep, compare

OURS = "restorecheck-"
"""Beginning of the name of a copy; the id of its drill follows."""
NEW_NAME = "Use no name that begins with restorecheck-: `restorecheck sweep` deletes instances with such a name and our tag."
ROLES = "It has the roles and passwords of production at the time of the snapshot."


def rds(target: Target, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    keys = target.keys_of(Rds)
    restore = keys.restore
    return (
        _variables(
            keys.backup.region or keys.region,
            keys.db_instance_identifier,
            restore,
        ),
        RunbookStep(
            f"Look at the copy, in the backup account {keys.backup.account_id}",
            (
                f"SNAPSHOT={shell.quote(_copy_of(proven))}",
                'aws rds describe-db-snapshots --db-snapshot-identifier "$SNAPSHOT" \\',
                "  --query 'DBSnapshots[0].[DBSnapshotIdentifier,OriginalSnapshotCreateTime,Status]' --output text",
            ),
        ),
        RunbookStep(
            "Restore it",
            (
                "aws rds restore-db-instance-from-db-snapshot \\",
                '  --db-snapshot-identifier "$SNAPSHOT" --db-instance-identifier "$NAME" \\',
                '  --db-instance-class "$CLASS" --db-subnet-group-name "$SUBNETS" --vpc-security-group-ids $SECURITY_GROUPS \\',
                "  --no-publicly-accessible --deletion-protection --copy-tags-to-snapshot \\",
                "  --tags Key=restored-by,Value=hand",
                'aws rds wait db-instance-available --db-instance-identifier "$NAME"',
            ),
            (
                NEW_NAME,
                (
                    "Parameter group, options and monitoring of production are not in a snapshot: add "
                    "--db-parameter-group-name and what production has."
                ),
            ),
        ),
        RunbookStep(
            "Turn its own backups on",
            (
                'aws rds modify-db-instance --db-instance-identifier "$NAME" --backup-retention-period 7 --apply-immediately',
            ),
        ),
        _connect(
            "aws rds describe-db-instances --db-instance-identifier \"$NAME\" --query 'DBInstances[0].Endpoint'"
        ),
        compare(proven, shell),
        *_back_home(keys.source.account_id),
    )


def aurora(target: Target, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    keys = target.keys_of(Aurora)
    restore = keys.restore
    shared = keys.origin == "shared"
    where = (
        f"source account {keys.source.account_id}"
        if shared
        else f"backup account {keys.backup.account_id}"
    )
    snapshot = proven.identifier if shared else _copy_of(proven)
    backup = proven.report.backup
    version = backup.server_version if backup else ""
    capacity = ""
    if restore.db_instance_class == SERVERLESS and restore.serverless_v2 is not None:
        limits = restore.serverless_v2
        capacity = f" --serverless-v2-scaling-configuration MinCapacity={limits.min_acu:g},MaxCapacity={limits.max_acu:g}"
    engine_version = f" --engine-version {shell.quote(version)}" if version else ""
    return (
        _variables(
            keys.region if shared else keys.backup.region or keys.region,
            keys.db_cluster_identifier,
            restore,
        ),
        RunbookStep(
            f"Look at the snapshot, in the {where}",
            (
                f"SNAPSHOT={shell.quote(snapshot)}",
                'aws rds describe-db-cluster-snapshots --db-cluster-snapshot-identifier "$SNAPSHOT" \\',
                "  --query 'DBClusterSnapshots[0].[DBClusterSnapshotIdentifier,SnapshotCreateTime,Status]' --output text",
            ),
            ("Drills of `from: shared` keep no copy: the snapshot lives as long as production's.",)
            if shared
            else (),
        ),
        RunbookStep(
            "Restore the cluster, then make an instance in it",
            (
                "aws rds restore-db-cluster-from-snapshot --engine aurora-postgresql \\",
                f'  --snapshot-identifier "$SNAPSHOT" --db-cluster-identifier "$NAME"{engine_version}{capacity} \\',
                '  --db-subnet-group-name "$SUBNETS" --vpc-security-group-ids $SECURITY_GROUPS --deletion-protection',
                'aws rds wait db-cluster-available --db-cluster-identifier "$NAME"',
                'aws rds create-db-instance --db-instance-identifier "$NAME-1" --db-cluster-identifier "$NAME" \\',
                '  --engine aurora-postgresql --db-instance-class "$CLASS" --no-publicly-accessible',
                'aws rds wait db-instance-available --db-instance-identifier "$NAME-1"',
            ),
            (
                NEW_NAME,
                "Add --db-cluster-parameter-group-name and readers, as production has them.",
            ),
        ),
        _connect(
            "aws rds describe-db-clusters --db-cluster-identifier \"$NAME\" --query 'DBClusters[0].[Endpoint,Port]'"
        ),
        compare(proven, shell),
        *(() if shared else _back_home(keys.source.account_id)),
    )


def adopt(target: Target, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    keys = target.keys_of(Adopt)
    point = proven.identifier if proven.identifier.startswith("arn:") else ""
    production = keys.db_cluster_arn or keys.db_instance_arn or ""
    find = (
        (f"POINT={shell.quote(point)}",)
        if point
        else (
            f"aws backup list-recovery-points-by-resource --resource-arn {shell.quote(production)} --output table",
            'POINT="${POINT:?set it to one of these recovery points}"',
        )
    )
    return (
        RunbookStep("The recovery point that was restored and verified", find),
        RunbookStep(
            "Read how it was, and change what must differ",
            (
                "aws backup get-recovery-point-restore-metadata \\",
                '  --backup-vault-name "${VAULT:?name of the backup vault}" --recovery-point-arn "$POINT" \\',
                "  --query RestoreMetadata > restore-metadata.json",
            ),
            (
                "Give it a new name, your subnet group and your security groups in restore-metadata.json.",
            ),
        ),
        RunbookStep(
            "Restore it",
            (
                'aws backup start-restore-job --recovery-point-arn "$POINT" \\',
                '  --iam-role-arn "${ROLE:?role of AWS Backup that may restore}" --metadata file://restore-metadata.json',
            ),
            (NEW_NAME, ROLES),
        ),
        compare(proven, shell),
    )


def _copy_of(proven: Proven) -> str:
    """Name of the copy in the backup account: that of the drill which made it, or the one that the drill chose."""
    backup = proven.report.backup
    if backup is not None and backup.storage.startswith("arn:"):
        return backup.storage.rpartition(":")[2]
    return f"{OURS}{proven.report.drill_id}"


def _variables(region: str, name: str, restore: TemporaryDatabase) -> RunbookStep:
    groups = " ".join(restore.vpc_security_group_ids)
    return RunbookStep(
        "Where, how large, under which name",
        (
            f'export AWS_REGION="${{AWS_REGION:-{region}}}" AWS_DEFAULT_REGION="${{AWS_REGION:-{region}}}"',
            f'NAME="${{NAME:-{name}}}"',
            f'CLASS="${{CLASS:-{restore.db_instance_class}}}"',
            f'SUBNETS="${{SUBNETS:-{restore.db_subnet_group_name}}}"',
            f'SECURITY_GROUPS="${{SECURITY_GROUPS:-{groups}}}"',
            "aws sts get-caller-identity --query Account --output text",
        ),
        (
            (
                "Class, subnets and security groups are those of the drills: production needs its own. Set the variables "
                "before, or change them here."
            ),
        ),
    )


def _connect(command: str) -> RunbookStep:
    return RunbookStep(
        "Connect",
        (f"{command} --output text",),
        (ROLES, "Set PGHOST, PGUSER and PGPASSWORD for the next step."),
    )


def _back_home(account: str) -> tuple[RunbookStep, ...]:
    return (
        RunbookStep(
            "Point the application to it",
            about=(
                (
                    f"The database is in the backup account now. To restore in the source account {account} instead: share the "
                    "copy with it (modify-db-snapshot-attribute), if the key admits that account, and restore there."
                ),
            ),
        ),
    )
