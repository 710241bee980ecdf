"""Every rule of `doctor` and `audit`: one catalogue, from which the reference page is made."""

from dataclasses import dataclass
from enum import StrEnum

RDS_GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
IAM_GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
KMS_GUIDE = "https://docs.aws.amazon.com/kms/latest/developerguide"
TERRAFORM_GUIDE = "https://developer.hashicorp.com/terraform"


class RuleSeverity(StrEnum):
    CRITICAL = "critical"  # one command, and the data are gone; or no drill can work
    HIGH = "high"  # one mistake away from that
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The most important is 0."""
        return list(RuleSeverity).index(self)


class By(StrEnum):
    """Which command applies a rule."""

    DOCTOR = "doctor"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    id: str
    severity: RuleSeverity
    by: By
    title: str
    """What must hold."""
    reads: str
    """Where the answer comes from."""
    why: str
    mend: str
    link: str
    pressing: bool = False
    """It happens, or is about to; it stands before what could only happen."""


def _rule(
    number: int,
    severity: RuleSeverity,
    title: str,
    *,
    reads: str,
    why: str,
    mend: str,
    link: str = "docs/how-to/doctor.md",
    pressing: bool = False,
) -> Rule:
    by = By.DOCTOR if number < FIRST_OF_AUDIT else By.AUDIT
    return Rule(
        id=f"RC{number}",
        severity=severity,
        by=by,
        title=title,
        reads=reads,
        why=why,
        mend=mend,
        link=link,
        pressing=pressing,
    )


FIRST_OF_AUDIT = 600
CRITICAL, HIGH, MEDIUM, LOW = RuleSeverity

_THIS_MACHINE = (
    _rule(
        101,
        CRITICAL,
        "PostgreSQL programs that fit the newest dump are on this machine",
        reads="the programs that a drill would find; the head of the newest dump",
        why="A dump is restored by a server of its own major version or a higher one; older programs refuse it.",
        mend="Install PostgreSQL of that major version or a higher one, or correct postgres.bin_dir.",
    ),
    _rule(
        102,
        CRITICAL,
        "There is a dump, and we may read it",
        reads="the folder, file or glob in dump.path",
        why="What cannot be read cannot be proven: every night would be inconclusive.",
        mend="Correct dump.path, or give the user that runs restorecheck the right to read it.",
    ),
    _rule(
        103,
        HIGH,
        "The newest dump is younger than max_age_hours",
        reads="the time in the head of the newest dump, else when the file was modified",
        why="A job that stopped writing dumps looks well until somebody needs one.",
        mend="Look at the job that writes the dumps; run it.",
    ),
    _rule(
        104,
        HIGH,
        "The work directory has room for the restored database",
        reads="free bytes of the file system of postgres.work_dir; the size of the newest dump",
        why="A dump grows when it is restored: indexes are built, compression ends. Asked for is "
        "three times its size, a guess that fits most; a full disk ends the drill inconclusive.",
        mend="Free space there, or let postgres.work_dir name a larger file system.",
    ),
    _rule(
        105,
        CRITICAL,
        "The program that decrypts the dumps is there",
        reads="the first word of dump.decrypt, searched for as a shell would",
        why="Without it no encrypted dump can be read.",
        mend="Install the program, or correct dump.decrypt.",
    ),
    _rule(
        106,
        CRITICAL,
        "The head of the newest dump is that of a PostgreSQL dump",
        reads="the first bytes of the newest dump, through its compression and dump.decrypt",
        why="A key that does not fit, or a file that is something else, is better found by day.",
        mend="Correct dump.decrypt or dump.path; dump with pg_dump.",
    ),
    _rule(
        107,
        CRITICAL,
        "The history can be written",
        reads="history.path and the folder around it",
        why="Every drill ends in a report in the history; one that cannot be stored is not begun.",
        mend="Make the folder, or give the user that runs restorecheck the right to write to it.",
    ),
    _rule(
        108,
        CRITICAL,
        "The work directory can be used, also by the user that PostgreSQL runs as",
        reads="owner and permissions of postgres.work_dir and the folders above it",
        why="A private folder for each drill is made there; the server's user must reach it.",
        mend="Make the folder, or correct its permissions.",
    ),
    _rule(
        109,
        CRITICAL,
        "PostgreSQL can run as a user of its own",
        reads="postgres.run_as and the users of this machine",
        why="PostgreSQL refuses to run as root, and what a dump holds must not run as anybody who "
        "owns something.",
        mend="Create the user, or correct postgres.run_as.",
    ),
    _rule(
        110,
        MEDIUM,
        "A configuration that holds secrets is not readable by everybody",
        reads="the permissions of the configuration file; whether web hooks, passwords or tokens "
        "stand in it",
        why="URLs of channels are passwords: whoever has them can write in your name.",
        mend="Take the right to read away from others, or write ${file:/path} in its place.",
    ),
    _rule(
        111,
        HIGH,
        "Every channel of notify can be used",
        reads="the items of notify; whether what they need is installed. Nothing is sent",
        why="A message that cannot be sent is found out about on the night that needs it.",
        mend="Correct the URL, or install what it needs: pip install 'restorecheck[notify]'.",
    ),
    _rule(
        112,
        HIGH,
        "Nobody else can change the configuration",
        reads="owner and permissions of the configuration file and of the folders above it",
        why="What stands in it is run: dump.decrypt, channels. Whoever may write it may do what "
        "restorecheck may, and can make every night look well.",
        mend="Take the right to write away from group and others, or let root own it.",
    ),
    _rule(
        113,
        MEDIUM,
        "The kernel fences in what runs a dump's code",
        reads="a program that is started in such a fence, and ends at once (Linux)",
        why="A dump is a program. Without a wall, its code reaches what the server's user reaches: files, "
        "sockets of other servers, the network, processes of that user.",
        mend="Let user namespaces be made (sysctl kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces), or start restorecheck as root, "
        "in a container with CAP_SYS_ADMIN. `postgres.require_fence: true` restores nothing without it.",
        link="docs/explanation/threat-model.md",
    ),
    _rule(
        120,
        CRITICAL,
        "The certificates of RDS are there, and not expired",
        reads="aws.ca_bundle",
        why="Without them no connection to an instance can be trusted, and none is made.",
        mend="Fetch the bundle anew (global-bundle.pem of RDS).",
    ),
    _rule(
        121,
        LOW,
        "The target has a schedule",
        reads="`schedule` of the target and of `defaults`",
        why="`restorecheck run` drills by schedules alone; a target without one is proven only when "
        "another program or a person calls `restorecheck drill`.",
        mend="Add a schedule. Where cron or a pipeline calls `restorecheck drill`, accept the finding "
        "in audit.ignore.",
    ),
    _rule(
        122,
        CRITICAL,
        "The newest dump is whole, and of a kind that a drill restores",
        reads="the files, as a drill reads them: to their end, up to 2 GB of the newest one, for at "
        "most a minute; of larger ones the head (RC106)",
        why="A damaged dump, a format that cannot be read, or a file of several databases is better "
        "found by day.",
        mend="Do what is said; look at the job that writes the dumps.",
    ),
    _rule(
        123,
        HIGH,
        "The server has what the newest dump needs",
        reads="extensions, collations and locale that the dump names; what a throw-away server of the "
        "version that a drill would choose offers, or the scratch server of `into`, its user's "
        "rights and its roles",
        why="Without them the drill is inconclusive, and nothing is proven.",
        mend="Install what is missing, name another server in postgres.bin_dir, or leave extensions "
        "out by ignore_extensions.",
    ),
    _rule(
        124,
        LOW,
        "What is passed over among the dumps is known",
        reads="the files in dump.path, the newest first, until a whole dump is found",
        why="Roles, markers and checksums beside a dump are not restored; a dump that is passed over "
        "is not proven.",
        mend="Let dump.path name the dumps alone.",
    ),
    _rule(
        125,
        MEDIUM,
        "The pages of the runner are served to this machine only",
        reads="runner.pages.listen",
        why="The pages ask nobody for a password and are not encrypted: whoever reaches them reads names of "
        "tables, reasons and histories, and whoever listens on the way reads the token.",
        mend="Listen on 127.0.0.1, and let a server with TLS and a login of its own pass requests on. "
        "In a container whose port is published on 127.0.0.1 only, accept the finding in audit.ignore.",
        link="docs/how-to/pages.md",
    ),
    _rule(
        126,
        HIGH,
        "The token of the pages can be read, cannot be guessed, and is not readable by everybody",
        reads="the file that runner.pages.token_file names, and its permissions",
        why="Whoever has the token may start drills.",
        mend="Write a new one: (umask 077; openssl rand -hex 32 > FILE).",
        link="docs/how-to/pages.md",
    ),
)

_ACCOUNTS = (
    _rule(
        201,
        CRITICAL,
        "Our credentials belong to the backup account",
        reads="sts:GetCallerIdentity",
        why="Everything is restored where our credentials lead; in another account nothing is begun.",
        mend="Set AWS_PROFILE, log in, or correct backup.account_id.",
        link=f"{IAM_GUIDE}/id_credentials_temp.html",
    ),
    _rule(
        202,
        CRITICAL,
        "The role in the source account lets us in",
        reads="sts:AssumeRole with the external id, then sts:GetCallerIdentity",
        why="Production's snapshots are reached through this role, and through nothing else.",
        mend="Create the role, or let its trust policy name the backup account and the external id.",
        link=f"{IAM_GUIDE}/id_roles_common-scenarios_third-party.html",
    ),
    _rule(
        203,
        HIGH,
        "The role lets in nobody but the backup account, and asks for the external id",
        reads="iam:GetRole of the role, in the source account",
        why="A role that trusts everybody is a way to every snapshot of production.",
        mend="Put the trust policy that is shown.",
        link=f"{IAM_GUIDE}/confused-deputy.html",
    ),
    _rule(
        210,
        CRITICAL,
        "Production's DB instance is there, and runs PostgreSQL",
        reads="rds:DescribeDBInstances in the source account",
        why="A misspelled name, or another region, gives a drill that never finds a snapshot.",
        mend="Correct db_instance_identifier or region.",
        link=f"{RDS_GUIDE}/Overview.DBInstance.html",
    ),
    _rule(
        211,
        CRITICAL,
        "RDS makes automated backups of it, or AWS Backup takes snapshots",
        reads="BackupRetentionPeriod, by rds:DescribeDBInstances; rds:DescribeDBSnapshots",
        why="With a retention of 0 there is no automated snapshot, and no point-in-time recovery.",
        mend="Set the retention to 7 days or more.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
    _rule(
        212,
        HIGH,
        "The newest snapshot, automated or of AWS Backup, is younger than max_age_hours",
        reads="rds:DescribeDBSnapshots in the source account",
        why="A drill of an old snapshot fails: that much would be lost.",
        mend="Look at the backup window and the events of the instance; wait for the next one.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
)

_KEYS = (
    _rule(
        301,
        CRITICAL,
        "What production's snapshots are encrypted with can be shared",
        reads="rds:DescribeDBSnapshots; kms:DescribeKey",
        why="A snapshot under the default key aws/rds cannot be shared with another account; the "
        "staging copy needs a key of your own.",
        mend="Create a transit key and name it in source.transit_kms_key_id.",
        link=f"{RDS_GUIDE}/share-encrypted-snapshot.html",
    ),
    _rule(
        302,
        CRITICAL,
        "The key of the staging copy exists, is enabled, and is a customer's",
        reads="kms:DescribeKey in the source account",
        why="With a key that is disabled or on its way to deletion no copy can be made or read.",
        mend="Enable it, or cancel its deletion.",
        link=f"{KMS_GUIDE}/enabling-keys.html",
    ),
    _rule(
        303,
        CRITICAL,
        "The policy of that key admits the backup account, CreateGrant included",
        reads="kms:GetKeyPolicy in the source account",
        why="RDS makes a grant in the caller's name. A policy without kms:CreateGrant is the usual "
        "reason for KMSKeyNotAccessibleFault.",
        mend="Put the key policy that is shown.",
        link=f"{RDS_GUIDE}/share-encrypted-snapshot.html",
    ),
    _rule(
        304,
        CRITICAL,
        "The key of the copies exists, is enabled, and is a customer's of the backup account",
        reads="kms:DescribeKey in the backup account",
        why="Copies under it are the backup; whoever can disable it can take them away.",
        mend="Enable it, or cancel its deletion.",
        link=f"{KMS_GUIDE}/enabling-keys.html",
    ),
    _rule(
        305,
        CRITICAL,
        "The policy of the key of the copies lets the backup account use it",
        reads="kms:GetKeyPolicy in the backup account",
        why="A key policy decides alone; where it does not name the account, IAM cannot help.",
        mend="Put the key policy that is shown.",
        link=f"{KMS_GUIDE}/key-policy-default.html",
    ),
)

_PLACE = (
    _rule(
        401,
        CRITICAL,
        "The DB subnet group exists in the backup account",
        reads="rds:DescribeDBSubnetGroups",
        why="Without one RDS would choose the default network, with a public address.",
        mend="Create it, or correct restore.db_subnet_group_name.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        402,
        CRITICAL,
        "The subnet group covers two zones",
        reads="rds:DescribeDBSubnetGroups, ec2:DescribeSubnets",
        why="RDS asks for two, also for one instance in one zone.",
        mend="Add a subnet in another zone.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        403,
        HIGH,
        "Its subnets have free addresses",
        reads="ec2:DescribeSubnets",
        why="An exhausted subnet appears at night as the status incompatible-network.",
        mend="Free addresses, or add larger subnets.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        404,
        CRITICAL,
        "The security groups exist, in the network of the subnet group",
        reads="ec2:DescribeSecurityGroups",
        why="RDS refuses a restore into a group of another network.",
        mend="Create one there, and name it in restore.vpc_security_group_ids.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        405,
        HIGH,
        "No security group lets the restored instance out to the world",
        reads="ec2:DescribeSecurityGroups",
        why="A restored production database wakes up with its jobs, foreign servers and "
        "subscriptions, and would act on the world.",
        mend="Revoke the rule.",
        link="docs/explanation/rds.md",
    ),
    _rule(
        406,
        CRITICAL,
        "A security group lets somebody in on PostgreSQL's port",
        reads="ec2:DescribeSecurityGroups; production's port",
        why="Who cannot connect cannot check: every night would be inconclusive.",
        mend="Let the place in that the checker runs in.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        407,
        HIGH,
        "No security group lets the world in",
        reads="ec2:DescribeSecurityGroups",
        why="What is restored is production's data.",
        mend="Revoke the rule.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        408,
        CRITICAL,
        "The DB parameter group exists, and is of production's major version",
        reads="rds:DescribeDBParameterGroups",
        why="A group of another family ends the restore in incompatible-parameters.",
        mend="Create one of the right family, or correct restore.db_parameter_group_name.",
        link=f"{RDS_GUIDE}/USER_WorkingWithParamGroups.html",
    ),
    _rule(
        409,
        CRITICAL,
        "The quota has room for one more DB instance",
        reads="rds:DescribeAccountAttributes in the backup account",
        why="InstanceQuotaExceeded ends the drill inconclusive.",
        mend="Ask for a higher quota (L-7B6409FD), or delete what is not needed.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        410,
        HIGH,
        "The quota of manual snapshots has room for tonight's copy, and for all that is kept",
        reads="rds:DescribeAccountAttributes in the backup account",
        why="SnapshotQuotaExceeded ends the drill inconclusive, and no copy arrives. Each target keeps "
        "backup.keep_copies copies, and one more while the next is made.",
        mend="Ask for a higher quota (L-272F1212), or lower backup.keep_copies.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        411,
        HIGH,
        "The quota of storage has room for the restored instance",
        reads="rds:DescribeAccountAttributes; production's allocated storage",
        why="StorageQuotaExceeded ends the drill inconclusive.",
        mend="Ask for a higher quota (L-7ADDB58A).",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        412,
        HIGH,
        "The quota of manual snapshots has room for staging copies in the source account",
        reads="rds:DescribeAccountAttributes in the source account",
        why="SnapshotQuotaExceeded ends the drill inconclusive, and no copy leaves the account. Two "
        "are needed: the newest is kept while the next one is made.",
        mend="Ask for a higher quota (L-272F1212), or delete snapshots that nobody needs.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        413,
        CRITICAL,
        "RDS offers the instance class with production's version",
        reads="rds:DescribeOrderableDBInstanceOptions in the backup account",
        why="InvalidParameterCombination ends the restore, and the drill inconclusive.",
        mend="Choose another restore.db_instance_class.",
        link=f"{RDS_GUIDE}/Concepts.DBInstanceClass.Support.html",
    ),
)

_PERMISSIONS = (
    _rule(
        501,
        CRITICAL,
        "IAM allows the source role everything that a drill needs",
        reads="iam:SimulatePrincipalPolicy in the source account",
        why="Each right that is missing ends a drill half way.",
        mend="Put the policy that is shown.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        502,
        CRITICAL,
        "IAM denies the source role everything that would change production",
        reads="iam:SimulatePrincipalPolicy in the source account",
        why="The fence in the process is the first, IAM is the second: the role must not be able "
        "to do what restorecheck never does.",
        mend="Put the policy that is shown, and detach wider ones.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        503,
        CRITICAL,
        "IAM allows us in the backup account everything that a drill needs",
        reads="iam:SimulatePrincipalPolicy in the backup account",
        why="Each right that is missing ends a drill half way, or leaves something behind.",
        mend="Put the policy that is shown.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        504,
        HIGH,
        "IAM denies us in the backup account what no drill needs",
        reads="iam:SimulatePrincipalPolicy in the backup account",
        why="Who can share copies, restore in public or delete what others made is worth stealing.",
        mend="Put the policy that is shown, and detach wider ones.",
        link="docs/reference/aws-permissions.md",
    ),
)

_DEPLOYMENT = (
    _rule(
        511,
        CRITICAL,
        "The stack of the source account is complete",
        reads="cloudformation:DescribeStacks",
        why="Without its role and its transit key nothing can be copied out of the source account.",
        mend="Deploy it (again); the events of the stack say what failed.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        512,
        CRITICAL,
        "The source account's role lets the backup account in, by an external id",
        reads="iam:GetRole",
        why="Without the trust every drill ends at its first step; without the external id others "
        "could be let in by mistake.",
        mend="Deploy the stack with the id of the backup account.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        521,
        CRITICAL,
        "The stack of the backup account is complete",
        reads="cloudformation:DescribeStacks",
        why="A stack that was rolled back or is half made has none of its alarms either.",
        mend="Deploy it (again); the events of the stack say what failed.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        522,
        CRITICAL,
        "Every function's role is there, and Lambda may take it on",
        reads="iam:GetRole for the five roles of the functions",
        why="A function without its role is never run.",
        mend="Deploy the stack again; it makes the roles.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        523,
        CRITICAL,
        "Every function can be invoked",
        reads="lambda:GetFunctionConfiguration: State and LastUpdateStatus",
        why="A function that is pending or whose update failed runs old code, or none.",
        mend="Wait for a function that is pending; deploy the stack again where an update failed.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html",
    ),
    _rule(
        524,
        CRITICAL,
        "The checker's network has its two endpoints, and their policies can be met",
        reads="ec2:DescribeVpcEndpoints: state, subnets or route tables, policy",
        why="The checker has no way to the internet: without the endpoints of Secrets Manager and "
        "DynamoDB it has no password, and cannot keep an answer. Of a gateway endpoint, principals are "
        "named by the condition aws:PrincipalArn.",
        mend="Deploy the stack again; in a network of your own make the endpoints.",
        link="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
    ),
    _rule(
        525,
        MEDIUM,
        "Lambda may run enough functions at once",
        reads="lambda:GetAccountSettings: UnreservedConcurrentExecutions",
        why="New accounts begin with a reduced quota; what is beyond it is throttled, and drills take longer.",
        mend="Ask for a higher quota of concurrent executions.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    _rule(
        526,
        HIGH,
        "The schedules are on",
        reads="scheduler:GetSchedule",
        why="A schedule that is off starts no drill, and the sweep deletes nothing.",
        mend="Turn it on in EventBridge Scheduler, or deploy the stack again.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        527,
        HIGH,
        "Somebody hears the alarms",
        reads="sns:ListSubscriptionsByTopic",
        why="An address that was not confirmed is sent nothing.",
        mend="Follow the link in the message that AWS sent; or subscribe to the topic.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        531,
        CRITICAL,
        "The configuration in the bucket is the one at hand",
        reads="s3:GetObject (its head) of the configuration; the file that this command read",
        why="The functions read the bucket: what was changed here and not copied there has no effect.",
        mend="Copy it: aws s3 cp.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        541,
        HIGH,
        "The newest night ended well",
        reads="states:ListExecutions of the nightly state machine",
        why="A night that failed, timed out or was stopped has drilled none or not all of the targets.",
        mend="Look at the execution; start one by hand.",
        link="docs/how-to/deploy.md",
    ),
)

_DATABASES = (
    _rule(
        601,
        CRITICAL,
        "Deletion protection is on",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="Without it one call, `terraform destroy` or a click deletes the database. With it "
        "somebody has to say so twice.",
        mend="Turn it on; it takes effect at once, without an outage.",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        602,
        CRITICAL,
        "Automated backups are on",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="With a retention of 0 there is neither a snapshot nor point-in-time recovery.",
        mend="Set the retention to 7 days or more. (From 0 this may interrupt the instance.)",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
    _rule(
        603,
        CRITICAL,
        "Some backup survives the deletion of the database",
        reads="rds:DescribeDBSnapshots, DescribeDBClusterSnapshots, "
        "DescribeDBInstanceAutomatedBackups; our copies in the backup account",
        why="Deleting an instance deletes its automated backups unless the caller says otherwise "
        "(DeleteAutomatedBackups is true by default); whether a caller will cannot be seen "
        "beforehand. What stays are manual snapshots, AWS Backup's, and copies elsewhere.",
        mend="Copy every night into another account, or at least take manual snapshots.",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        604,
        MEDIUM,
        "Automated backups are kept for a week",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="What was damaged on Friday is often noticed after the weekend.",
        mend="Set the retention to 7 days or more.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.BackupRetention.html",
    ),
    _rule(
        605,
        MEDIUM,
        "The database has no public address",
        reads="rds:DescribeDBInstances",
        why="A password is then all that stands before the data.",
        mend="Turn public access off.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
)

_COPIES = (
    _rule(
        701,
        CRITICAL,
        "A copy of the backups lies outside of the account",
        reads="rds:DescribeDBSnapshots in the backup account: our copies of this database",
        why="Whoever may delete in the account, or takes it over, deletes database and backups in "
        "one go.",
        mend="Add an rds target for this database and drill it every night.",
        link="docs/how-to/rds.md",
    ),
    _rule(
        702,
        HIGH,
        "The newest copy outside is young",
        reads="rds:DescribeDBSnapshots in the backup account; max_age_hours of the target",
        why="What came after the newest copy goes with the account. Allowed is max_age_hours and "
        "a day for the copying.",
        mend="Find out why the last drills failed: restorecheck status.",
        link="docs/how-to/rds.md",
    ),
    _rule(
        703,
        HIGH,
        "A copy has been proven lately: restored and checked",
        reads="the verdict tag of our copies; the history of this machine; max_proof_age_hours",
        why="A backup that nobody restored is a theory.",
        mend="Drill it.",
        link="docs/how-to/every-night.md",
    ),
    _rule(
        704,
        CRITICAL,
        "The copies outside hang on no key of the source account",
        reads="rds:DescribeDBSnapshots in the backup account",
        why="Who can disable the key takes the copies away without touching them.",
        mend="Let backup.kms_key_id name a key of the backup account; drill; delete the old copies.",
        link=f"{RDS_GUIDE}/Overview.Encryption.html",
    ),
    _rule(
        705,
        CRITICAL,
        "The keys of database and snapshots are enabled",
        reads="kms:DescribeKey",
        why="Under a key that is disabled or pending deletion nothing can be restored; after its "
        "deletion never again.",
        mend="Enable the key, or cancel its deletion, today.",
        link=f"{KMS_GUIDE}/deleting-keys.html",
        pressing=True,
    ),
    _rule(
        706,
        CRITICAL,
        "No snapshot is public",
        reads="rds:DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes",
        why="Everybody with an AWS account can restore it, and read everything.",
        mend="Take the share back; assume that it was read.",
        link=f"{RDS_GUIDE}/USER_ShareSnapshot.html",
        pressing=True,
    ),
    _rule(
        707,
        HIGH,
        "No snapshot is shared with an account that the configuration does not name",
        reads="rds:DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes",
        why="Whoever it is shared with can copy it.",
        mend="Take the share back where nobody knows why it is there.",
        link=f"{RDS_GUIDE}/USER_ShareSnapshot.html",
    ),
)

_PRINCIPALS = (
    _rule(
        801,
        HIGH,
        "Nobody can delete both the database and its snapshots",
        reads="iam:ListUsers, ListRoles, SimulatePrincipalPolicy",
        why="One stolen key, one mistaken plan of one such principal takes everything.",
        mend="Let a guardrail deny it to all but a break-glass role (infra/guardrails).",
        link="docs/how-to/guardrails.md",
    ),
    _rule(
        802,
        MEDIUM,
        "Nobody can make the database's key unusable",
        reads="iam:ListUsers, ListRoles, SimulatePrincipalPolicy (kms:DisableKey, "
        "ScheduleKeyDeletion)",
        why="A key that is gone takes database and snapshots with it. The key's own policy may "
        "still refuse it: the simulator does not ask it.",
        mend="Let a guardrail deny it to all but a break-glass role (infra/guardrails).",
        link="docs/how-to/guardrails.md",
    ),
)

_TERRAFORM = (
    _rule(
        901,
        CRITICAL,
        "The Terraform plan deletes no database",
        reads="resource_changes of `terraform show -json PLAN`",
        why="This is the plan of the accident. A replacement deletes, too.",
        mend="Do not apply it. Find out what took the database out of the state or the "
        "configuration.",
        link=f"{TERRAFORM_GUIDE}/internals/json-format",
        pressing=True,
    ),
    _rule(
        902,
        CRITICAL,
        "Terraform manages the database with deletion_protection",
        reads="aws_db_instance, aws_rds_cluster in state or plan",
        why="`terraform destroy` deletes without asking RDS twice; and an apply takes a "
        "protection off again that was put on by hand.",
        mend="deletion_protection = true",
        link=f"{TERRAFORM_GUIDE}/language/state",
    ),
    _rule(
        903,
        HIGH,
        "Terraform would take a final snapshot",
        reads="skip_final_snapshot in state or plan",
        why="The last state of the database is the one that is wanted back.",
        mend="skip_final_snapshot = false, and a final_snapshot_identifier",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        904,
        HIGH,
        "Terraform would keep the automated backups",
        reads="delete_automated_backups in state or plan; true where it is not said",
        why="They go with the instance otherwise; kept ones live on for their retention.",
        mend="delete_automated_backups = false",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        905,
        HIGH,
        "The resource has prevent_destroy",
        reads="lifecycle in the .tf files given by --terraform-files",
        why="Terraform then refuses a plan that destroys it. It stands in the configuration only: "
        "neither a state nor `terraform show -json` of a plan has it. It does not help when the "
        "whole block is removed.",
        mend="lifecycle { prevent_destroy = true }",
        link=f"{TERRAFORM_GUIDE}/language/meta-arguments/lifecycle",
    ),
)

RULES = (
    *_THIS_MACHINE,
    *_ACCOUNTS,
    *_KEYS,
    *_PLACE,
    *_PERMISSIONS,
    *_DEPLOYMENT,
    *_DATABASES,
    *_COPIES,
    *_PRINCIPALS,
    *_TERRAFORM,
)
BY_ID = {rule.id: rule for rule in RULES}


def is_known(rule_id: str) -> bool:
    return rule_id in BY_ID
