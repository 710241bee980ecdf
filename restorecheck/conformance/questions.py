"""The open questions. docs/explanation/rds.md has them as a table, which a test compares."""

from dataclasses import dataclass

NOT_SETTLED = "not settled"
"""Prefix of an answer that leaves the question open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """Behaviour that restorecheck depends on and that is not documented."""

    id: str
    asks: str
    step: str
    """The step of the experiments whose calls answer it."""
    calls: tuple[str, ...]
    documented: str
    """What the documentation says, with its source; empty: nothing."""
    by_default: str
    """The default answer of the sandbox; empty: the sandbox does not simulate it."""
    also: tuple[str, ...] = ()
    """Further answers that can be set in the sandbox (`sandbox.answers`)."""

    @property
    def answers(self) -> tuple[str, ...]:
        """Every answer that the sandbox can give."""
        return (*((self.by_default,) if self.by_default else ()), *self.also)


QUESTIONS = (
    OpenQuestion(
        id="tags-at-first-sight",
        asks="Does the first DescribeDBSnapshots that shows a new copy show its tags?",
        step="stage",
        calls=("CopyDBSnapshot", "DescribeDBSnapshots"),
        documented="`TagList` is part of the answer (RDS API, DBSnapshot); since when is not documented",
        by_default="with tags",
        also=("without tags",),
    ),
    OpenQuestion(
        id="first-copy-after-share",
        asks="What does CopyDBSnapshot answer right after the share, until the share is in effect?",
        step="share",
        calls=("ModifyDBSnapshotAttribute", "CopyDBSnapshot"),
        documented="",
        by_default="DBSnapshotNotFound, then accepted",
        also=(
            "AccessDenied, then accepted",
            "KMSKeyNotAccessibleFault, then accepted",
            "InvalidDBSnapshotState, then accepted",
        ),
    ),
    OpenQuestion(
        id="original-time",
        asks="Is OriginalSnapshotCreateTime the same in the copy of the other account?",
        step="copy",
        calls=("DescribeDBSnapshots",),
        documented='"Doesn\'t change when the snapshot is copied" (RDS API, DBSnapshot); '
        "across accounts it is not said",
        by_default="the same in both accounts",
        also=("missing in the copy", "a different one in the copy"),
    ),
    OpenQuestion(
        id="statuses-of-a-restore",
        asks="Which statuses does an instance have from the restore until it is available?",
        step="restore",
        calls=("RestoreDBInstanceFromDBSnapshot", "DescribeDBInstances"),
        documented="a list of all statuses (RDS User Guide, DB instance status); their order is not documented",
        by_default="creating, available",
        also=(
            "creating, modifying, available",
            "creating, available, modifying, rebooting, available",
        ),
    ),
    OpenQuestion(
        id="managed-password-and-describe-key",
        asks="Does ManageMasterUserPassword with AWS's own key need kms:DescribeKey?",
        step="password",
        calls=("DescribeKey", "ModifyDBInstance"),
        documented="kms:DescribeKey is listed (RDS User Guide, RDS and Secrets Manager); "
        "whether AWS's own key needs it is not documented",
        by_default=f"{NOT_SETTLED}: the caller may describe the key",
        also=("not needed", "needed"),
    ),
    OpenQuestion(
        id="read-all-data",
        asks="Is the master user a member of pg_read_all_data, or may it grant that role?",
        step="master",
        calls=("SELECT pg_has_role",),
        documented="",
        by_default="a member",
    ),
    OpenQuestion(
        id="delete-while-creating",
        asks="Is DeleteDBInstance accepted while the instance is being created?",
        step="delete",
        calls=("RestoreDBInstanceFromDBSnapshot", "DeleteDBInstance"),
        documented="InvalidDBInstanceState is an error of the call (RDS API); for which states is not documented",
        by_default="refused with InvalidDBInstanceState",
        also=("accepted",),
    ),
    OpenQuestion(
        id="second-copy",
        asks="Is the second copy across accounts incremental, and so faster?",
        step="second copy",
        calls=("CopyDBSnapshot", "DescribeDBSnapshots"),
        documented="incremental if the last copy still exists and the keys are the same "
        "(RDS User Guide, copying a DB snapshot)",
        by_default="as slow as the first",
        also=("faster than the first",),
    ),
    OpenQuestion(
        id="gateway-endpoint",
        asks="Does the checker function reach its table through the gateway endpoint of DynamoDB?",
        step="endpoint",
        calls=("DescribeVpcEndpoints", "ListExecutions", "GetExecutionHistory"),
        documented="principals of a gateway endpoint's policy are named by the condition "
        "aws:PrincipalArn (AWS PrivateLink guide, endpoint policies); this policy was never tested",
        by_default="",
    ),
    OpenQuestion(
        id="source-account-in-trust",
        asks="May the trust policy of a function's role require aws:SourceAccount?",
        step="trust",
        calls=("GetRole", "ListExecutions"),
        documented="IAM knows the key; whether Lambda sends it is not documented",
        by_default="",
    ),
    OpenQuestion(
        id="timed-out",
        asks="Does AWS Backup accept TIMED_OUT as the validation result of a restore test?",
        step="validation",
        calls=("DescribeRestoreJob", "PutRestoreValidationResult"),
        documented="TIMED_OUT is a value of ValidationStatus (AWS Backup API); whether a caller may send it is not documented",
        by_default="accepted",
        also=("refused with InvalidParameterValueException",),
    ),
)

BY_ID = {question.id: question for question in QUESTIONS}
