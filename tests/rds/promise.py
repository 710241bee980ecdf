"""Promise 1, held against what came over the wire: production is never changed."""

from collections.abc import Sequence

from restorecheck.sandbox import WireCall
from restorecheck.sandbox.service import BACKUP_ACCOUNT, RESTORECHECK, SOURCE_ACCOUNT

SOURCE_WRITES = {
    "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
    "ModifyDBSnapshotAttribute": "DBSnapshotIdentifier",
    "DeleteDBSnapshot": "DBSnapshotIdentifier",
    "CopyDBClusterSnapshot": "TargetDBClusterSnapshotIdentifier",
    "ModifyDBClusterSnapshotAttribute": "DBClusterSnapshotIdentifier",
    "DeleteDBClusterSnapshot": "DBClusterSnapshotIdentifier",
}
BACKUP_WRITES = {
    "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
    "DeleteDBSnapshot": "DBSnapshotIdentifier",
    "RestoreDBInstanceFromDBSnapshot": "DBInstanceIdentifier",
    "ModifyDBInstance": "DBInstanceIdentifier",
    "DeleteDBInstance": "DBInstanceIdentifier",
    "StopDBInstance": "DBInstanceIdentifier",
    "CopyDBClusterSnapshot": "TargetDBClusterSnapshotIdentifier",
    "DeleteDBClusterSnapshot": "DBClusterSnapshotIdentifier",
    "RestoreDBClusterFromSnapshot": "DBClusterIdentifier",
    "CreateDBInstance": "DBInstanceIdentifier",
    "ModifyDBCluster": "DBClusterIdentifier",
    "DeleteDBCluster": "DBClusterIdentifier",
    "StartDBCluster": "DBClusterIdentifier",
    "StopDBCluster": "DBClusterIdentifier",
    "AddTagsToResource": "ResourceName",
    "CreateSecret": "Name",
    "DeleteSecret": "SecretId",
}
STORE = ("dynamodb", "s3", "states")
"""Where restorecheck keeps its own things, in the backup account."""
HARMLESS = ("Describe", "List", "Get", "Download", "AssumeRole", "SimulatePrincipalPolicy")


def assert_kept(calls: Sequence[WireCall]) -> None:
    """Of everything that restorecheck called."""
    ours = [call for call in calls if call.caller in {RESTORECHECK, "role"}]
    assert ours, "nothing was called; nothing is proven"
    broken = [call for call in ours if not is_allowed(call)]
    assert broken == []


def is_in_our_place(call: WireCall) -> bool:
    """An instance in a cluster: of ours, or of AWS Backup's restore testing; never with a public address."""
    cluster = str(call.parameters["DBClusterIdentifier"])
    public = str(call.parameters["PubliclyAccessible"]).lower()
    return cluster.startswith(("restorecheck-", "awsbackup-restore-test-")) and public == "false"


def is_allowed(call: WireCall) -> bool:
    if call.operation.startswith(HARMLESS):
        return True
    if call.service in STORE:
        return call.account_id == BACKUP_ACCOUNT
    if call.operation == "PutRestoreValidationResult":
        return True  # an answer about what others restored; it changes no database
    writes = {SOURCE_ACCOUNT: SOURCE_WRITES, BACKUP_ACCOUNT: BACKUP_WRITES}[call.account_id]
    parameter = writes.get(call.operation)
    if parameter is None:
        return False
    if call.operation == "CreateDBInstance" and not is_in_our_place(call):
        return False
    name = str(call.parameters[parameter]).rpartition(":")[2]
    if call.operation in {"ModifyDBSnapshotAttribute", "ModifyDBClusterSnapshotAttribute"}:
        accounts = [*call.parameters.get("ValuesToAdd", ())]
        return name.startswith("restorecheck-") and set(accounts) <= {BACKUP_ACCOUNT}
    return name.startswith("restorecheck-")
