"""Every rule of `doctor` and `audit`; the reference page is generated from this catalogue."""

from dataclasses import dataclass
from enum import StrEnum

RDS_GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
AURORA_GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide"
IAM_GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
KMS_GUIDE = "https://docs.aws.amazon.com/kms/latest/developerguide"
TERRAFORM_GUIDE = "https://developer.hashicorp.com/terraform"


class RuleSeverity(StrEnum):
    CRITICAL = "critical"  # one command deletes the data; or no drill is possible
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
    """The condition that must be true."""
    reads: str
    """The source of the answer."""
    why: str
    mend: str
    link: str
    pressing: bool = False
    """The problem exists or is imminent; listed before problems that are only possible."""


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
PHYSICAL_GUIDE = "docs/how-to/physical-backups.md"
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
        "A dump exists, and restorecheck may read it",
        reads="the folder, file or glob in dump.path",
        why="Without a readable dump every drill is inconclusive.",
        mend="Correct dump.path, or give the user that runs restorecheck the right to read it.",
    ),
    _rule(
        103,
        HIGH,
        "The newest dump is younger than max_age_hours",
        reads="the time in the header of the newest dump; if there is none, the modification "
        "time of the file",
        why="A stopped dump job shows no error until a dump is needed.",
        mend="Look at the job that writes the dumps, and run it.",
    ),
    _rule(
        104,
        HIGH,
        "The work directory has room for the restored database",
        reads="free bytes of the file system of postgres.work_dir; the size of the newest dump",
        why="A restored database is larger than its dump, because of indexes and missing "
        "compression. The estimate is three times the size of the dump. A full disk makes "
        "the drill inconclusive.",
        mend="Free space on this file system, or set postgres.work_dir to a larger one.",
    ),
    _rule(
        105,
        CRITICAL,
        "The program that decrypts the dumps is installed",
        reads="the first word of dump.decrypt, searched for in PATH",
        why="Without this program encrypted dumps cannot be read.",
        mend="Install the program, or correct dump.decrypt.",
    ),
    _rule(
        106,
        CRITICAL,
        "The newest dump has the header of a PostgreSQL dump",
        reads="the first bytes of the newest dump, after decompression and dump.decrypt",
        why="A wrong key or a wrong file is found now, not by the nightly drill.",
        mend="Correct dump.decrypt or dump.path, or write the dump with pg_dump.",
    ),
    _rule(
        107,
        CRITICAL,
        "The history can be written",
        reads="history.path and its folder, or the database of history.url",
        why="Every drill stores a report in the history. Without a writable history no drill "
        "starts.",
        mend="Create the folder, or give the user that runs restorecheck the right to write to it.",
    ),
    _rule(
        108,
        CRITICAL,
        "The work directory can be used, also by the user that runs PostgreSQL",
        reads="owner and permissions of postgres.work_dir and the folders above it",
        why="Each drill creates a private folder in the work directory; the user that runs "
        "PostgreSQL must have access.",
        mend="Create the folder, or correct its permissions.",
    ),
    _rule(
        109,
        CRITICAL,
        "PostgreSQL can run as a separate user",
        reads="postgres.run_as and the users of this machine",
        why="PostgreSQL refuses to run as root, and the code in a dump must not run as a user "
        "that owns other files.",
        mend="Create the user, or correct postgres.run_as.",
    ),
    _rule(
        110,
        MEDIUM,
        "A configuration file with secrets is not readable by other users",
        reads="the permissions of the configuration file; whether the file contains web hooks, "
        "passwords or tokens",
        why="The URL of a channel works like a password: every person who has it can send "
        "messages in your name.",
        mend="Remove read permission for others (chmod o-r), or write ${file:/path} instead of "
        "the secret.",
    ),
    _rule(
        111,
        HIGH,
        "Every channel of notify can be used",
        reads="the items of notify; whether the packages they need are installed. No message "
        "is sent",
        why="A broken channel is found now, not on the night of a failed drill.",
        mend="Correct the URL, or install the package for this channel: pip install "
        "'restorecheck[notify]'.",
    ),
    _rule(
        112,
        HIGH,
        "No other user can change the configuration",
        reads="owner and permissions of the configuration file and of the folders above it",
        why="restorecheck runs commands from the configuration (dump.decrypt, channels). A "
        "user who can write the file can run commands as restorecheck and can fake good "
        "results.",
        mend="Remove write permission for group and others (chmod go-w), or make root the owner.",
    ),
    _rule(
        113,
        MEDIUM,
        "The kernel can fence in the throw-away server, which runs code from the dump",
        reads="a short program that is started in such a fence (Linux)",
        why="A dump contains code that runs during the restore. Without a fence this code "
        "can access everything that the user of the server can: files, sockets of other "
        "servers, the network, processes of this user.",
        mend="Allow user namespaces (sysctl kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces), or start restorecheck as root, "
        "in a container with CAP_SYS_ADMIN. With `postgres.require_fence: true` no drill "
        "restores without the fence.",
        link="docs/explanation/threat-model.md",
    ),
    _rule(
        120,
        CRITICAL,
        "The certificates of RDS exist and have not expired",
        reads="aws.ca_bundle",
        why="Without these certificates restorecheck connects to no instance, because TLS "
        "cannot verify the server.",
        mend="Download the bundle again (global-bundle.pem of RDS).",
    ),
    _rule(
        121,
        LOW,
        "The target has a schedule",
        reads="`schedule` of the target and of `defaults`",
        why="`restorecheck run` drills only targets with a schedule. Without a schedule a "
        "target is drilled only when a person or another program runs `restorecheck drill`.",
        mend="Add a schedule. If cron or a pipeline runs `restorecheck drill`, accept the "
        "finding in audit.ignore.",
    ),
    _rule(
        122,
        CRITICAL,
        "The newest dump is complete and has a format that a drill can restore",
        reads="the dump files, read like in a drill: up to 2 GB of the newest dump, for at "
        "most one minute; of larger dumps only the header (RC106)",
        why="A damaged dump, an unreadable format or a file with several databases is found "
        "now, not by the nightly drill.",
        mend="Follow the hint of the finding, and look at the job that writes the dumps.",
    ),
    _rule(
        123,
        HIGH,
        "The server has what the newest dump needs",
        reads="the extensions, collations and locale that the dump needs; the ones that a "
        "throw-away server of the chosen version has, or the scratch server of `into`, with "
        "the rights of its user and its roles",
        why="If one is missing, the drill is inconclusive.",
        mend="Install the missing parts, set postgres.bin_dir to another PostgreSQL, or leave "
        "extensions out with ignore_extensions.",
    ),
    _rule(
        124,
        LOW,
        "Files beside the dumps that a drill skips are known",
        reads="the files in dump.path, from the newest to the first complete dump",
        why="Roles, marker files and checksums beside a dump are not restored. A skipped dump "
        "is not proven.",
        mend="Set dump.path to a pattern that matches only the dumps.",
    ),
    _rule(
        125,
        MEDIUM,
        "The pages of the runner are served to this machine only",
        reads="runner.pages.listen",
        why="The pages need no password and are not encrypted. Every person who can reach them can read names of "
        "tables, reasons and histories. A person who listens on the network can read the token.",
        mend="Listen on 127.0.0.1, behind a reverse proxy with TLS and a login. "
        "In a container whose port is published on 127.0.0.1 only, accept the finding in audit.ignore.",
        link="docs/how-to/pages.md",
    ),
    _rule(
        126,
        HIGH,
        "The token of the pages can be read, cannot be guessed, and is not readable by everybody",
        reads="the file that runner.pages.token_file names, and its permissions",
        why="Every person who has the token can start drills.",
        mend="Write a new one: (umask 077; openssl rand -hex 32 > FILE).",
        link="docs/how-to/pages.md",
    ),
    _rule(
        127,
        LOW,
        "restorecheck cannot change the dumps",
        reads="the rights of this user on the folder of dump.path; for S3 on Amazon, IAM's simulation of the caller's "
        "policies (iam:SimulatePrincipalPolicy). Not known for other storages. No test file is written",
        why="restorecheck never writes to the backups. But an attacker on this machine could, with the same credentials.",
        mend="Give restorecheck credentials, or a user, that may only read the dumps.",
    ),
)

_PHYSICAL = (
    _rule(
        128,
        HIGH,
        "Every database that `discover` names is a target",
        reads="the folder of the dumps; rds:DescribeDBInstances or DescribeDBClusters in the source account",
        why="A database that is not found has no drill, and nobody hears of it.",
        mend="Run `restorecheck config discover`, or wait for the next look of `restorecheck run`.",
    ),
    _rule(
        131,
        HIGH,
        "The physical backups can be listed",
        reads="the list of the backup tool, or the folder, as the drill reads it",
        why="A wrong stanza, server name or key, or missing rights, make every drill inconclusive.",
        mend="correct the keys of `physical`, or give restorecheck's user the right to read",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        132,
        HIGH,
        "The newest physical backup is whole, as listed",
        reads="the status of each backup, and the backups that an incremental one needs",
        why="A backup that failed, or whose full backup expired, cannot be restored.",
        mend="make a new full backup",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        133,
        MEDIUM,
        "The newest physical backup is young, and an age limit is set",
        reads="the end of the newest backup, max_age_hours and every",
        why="Without a limit a backup job that stopped is not seen.",
        mend="physical.max_age_hours, or every",
        link=PHYSICAL_GUIDE,
    ),
    _rule(
        134,
        HIGH,
        "The server programs of the backup's major version are installed",
        reads="the version of the newest backup; the installed programs",
        why="Only the same major version can read the files of a cluster.",
        mend="install the server package of this version",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        135,
        HIGH,
        "The disk has room for the restored files",
        reads="the size after the restore, as the backup records it; the free space of the work directory",
        why="A drill that does not fit is refused before the first byte, and is inconclusive.",
        mend="free space, or set postgres.work_dir to a larger disk",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        136,
        MEDIUM,
        "WAL is archived beside the physical backups",
        reads="the newest segment in the archive",
        why="Without archived WAL everything after the end of the newest backup is lost, and no moment can be chosen.",
        mend="archive_command or pg_receivewal; for base backups the key `archive`",
        link=PHYSICAL_GUIDE,
    ),
    _rule(
        137,
        HIGH,
        "No WAL segment is missing since the newest physical backup",
        reads="the names of the archived segments, from the start of the newest backup on",
        why="Recovery ends at the first missing segment, and PostgreSQL opens the database without an error.",
        mend="a new backup; then the cause of the gap, such as an archive_command that ignores errors",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        138,
        MEDIUM,
        "WAL is archived up to now",
        reads="the time of the newest archived segment; max_age_hours and every, else 24 hours",
        why="What was committed since is lost with the server.",
        mend="pg_stat_archiver of the cluster names the error; archive_timeout limits the lag of an idle cluster",
        link=PHYSICAL_GUIDE,
        pressing=True,
    ),
    _rule(
        139,
        HIGH,
        "The last verified physical backup is kept until another is verified",
        reads="the backup of the newest verified drill; the list of backups; pgBackRest's repo-retention-full, Barman's retention_policy",
        why="If the newest backup is bad, the last verified one is what can be restored.",
        mend="a longer retention of the backup tool, or a drill after each full backup",
        link=PHYSICAL_GUIDE,
    ),
    _rule(
        140,
        HIGH,
        "A repository is on another machine than the database",
        reads="pgBackRest's configuration: repo-type, repo-host and pg-host; of base backups and Barman whether a cluster with the system identifier of the backup, and no standby, runs on this machine (/proc, pg_control), and the file system of the folder",
        why="A lost disk or machine takes the database and its only backups.",
        mend="a second repository in a bucket or on a repository host; of base backups a copy on another machine",
        link=PHYSICAL_GUIDE,
    ),
    _rule(
        141,
        LOW,
        "Physical backups are encrypted",
        reads="the cipher of each repository, as pgBackRest lists it; of Barman the names of its files",
        why="Who reads the repository reads every row. restorecheck does not know of encrypted disks or buckets.",
        mend="repo-cipher-type of pgBackRest, for a new stanza; encryption of Barman; or ignore the rule where the storage is encrypted",
        link=PHYSICAL_GUIDE,
    ),
    _rule(
        142,
        MEDIUM,
        "The database's machine cannot delete every physical backup",
        reads="pgBackRest's configuration: where the cluster and the repositories are, and who has their keys; of base backups and Barman, where the cluster runs on this machine, the rights of its user on the folder",
        why="Who takes over the database's machine deletes the backups first.",
        mend="a repository host that the database's machine cannot log in to, or a bucket with object lock",
        link=PHYSICAL_GUIDE,
    ),
)

_ACCOUNTS = (
    _rule(
        201,
        CRITICAL,
        "The credentials belong to the backup account",
        reads="sts:GetCallerIdentity",
        why="A drill restores into the account of the credentials. In any other account it "
        "stops before it does anything.",
        mend="Set AWS_PROFILE, log in, or correct backup.account_id.",
        link=f"{IAM_GUIDE}/id_credentials_temp.html",
    ),
    _rule(
        202,
        CRITICAL,
        "restorecheck can assume the role in the source account",
        reads="sts:AssumeRole with the external id, then sts:GetCallerIdentity",
        why="restorecheck reads the snapshots of production only through this role.",
        mend="Create the role, or add the backup account and the external id to its trust policy.",
        link=f"{IAM_GUIDE}/id_roles_common-scenarios_third-party.html",
    ),
    _rule(
        203,
        HIGH,
        "The role trusts only the backup account, and requires the external id",
        reads="iam:GetRole of the role, in the source account",
        why="A role that trusts every account gives access to every snapshot of production.",
        mend="Apply the trust policy that is shown.",
        link=f"{IAM_GUIDE}/confused-deputy.html",
    ),
    _rule(
        210,
        CRITICAL,
        "The production DB instance or cluster exists and runs PostgreSQL",
        reads="rds:DescribeDBInstances or rds:DescribeDBClusters in the source account",
        why="With a wrong name or region no drill finds a snapshot. Aurora MySQL and Aurora Serverless v1 cannot be "
        "drilled.",
        mend="Correct db_instance_identifier, db_cluster_identifier or region.",
        link=f"{RDS_GUIDE}/Overview.DBInstance.html",
    ),
    _rule(
        211,
        CRITICAL,
        "RDS automated backups are on, or AWS Backup takes snapshots",
        reads="BackupRetentionPeriod, by rds:DescribeDBInstances or rds:DescribeDBClusters; "
        "rds:DescribeDBSnapshots or rds:DescribeDBClusterSnapshots",
        why="With a retention of 0 there is no automated snapshot, and no point-in-time recovery.",
        mend="Set the retention to 7 days or more.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
    _rule(
        212,
        HIGH,
        "The newest snapshot, automated or of AWS Backup, is younger than max_age_hours",
        reads="rds:DescribeDBSnapshots or rds:DescribeDBClusterSnapshots in the source account",
        why="A drill of an older snapshot fails, because a restore would lose too much data.",
        mend="Look at the backup window and the events of the instance, or wait for the next "
        "snapshot.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
)

_KEYS = (
    _rule(
        301,
        CRITICAL,
        "The snapshots of production can be shared with the backup account",
        reads="rds:DescribeDBInstances or rds:DescribeDBClusters; kms:DescribeKey",
        why="A snapshot encrypted with the default key aws/rds cannot be shared with another "
        "account. The staging copy needs a customer managed key. Of an Aurora cluster that is not encrypted, RDS "
        "makes no encrypted copy.",
        mend="Create a transit key and name it in source.transit_kms_key_id; for such a cluster set from: shared.",
        link=f"{RDS_GUIDE}/share-encrypted-snapshot.html",
    ),
    _rule(
        302,
        CRITICAL,
        "The KMS key of the staging copy exists, is enabled, and is customer managed",
        reads="kms:DescribeKey in the source account",
        why="With a key that is disabled or pending deletion no copy can be made or read.",
        mend="Enable the key, or cancel its deletion.",
        link=f"{KMS_GUIDE}/enabling-keys.html",
    ),
    _rule(
        303,
        CRITICAL,
        "The policy of this key allows the backup account to use it, including kms:CreateGrant",
        reads="kms:GetKeyPolicy in the source account",
        why="RDS creates a grant in the name of the caller. A policy without kms:CreateGrant "
        "is the usual reason for KMSKeyNotAccessibleFault.",
        mend="Apply the key policy that is shown.",
        link=f"{RDS_GUIDE}/share-encrypted-snapshot.html",
    ),
    _rule(
        304,
        CRITICAL,
        "The KMS key of the copies exists, is enabled, and is a customer managed key of the "
        "backup account",
        reads="kms:DescribeKey in the backup account",
        why="The copies are the backup. Without this key they cannot be restored.",
        mend="Enable the key, or cancel its deletion.",
        link=f"{KMS_GUIDE}/enabling-keys.html",
    ),
    _rule(
        305,
        CRITICAL,
        "The policy of the key of the copies lets the backup account use it",
        reads="kms:GetKeyPolicy in the backup account",
        why="IAM policies have no effect if the key policy does not name the account.",
        mend="Apply the key policy that is shown.",
        link=f"{KMS_GUIDE}/key-policy-default.html",
    ),
)

_PLACE = (
    _rule(
        401,
        CRITICAL,
        "The DB subnet group exists in the backup account",
        reads="rds:DescribeDBSubnetGroups",
        why="Without a subnet group RDS uses the default network, with a public address.",
        mend="Create the subnet group, or correct restore.db_subnet_group_name.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        402,
        CRITICAL,
        "The subnet group covers two zones",
        reads="rds:DescribeDBSubnetGroups, ec2:DescribeSubnets",
        why="RDS needs two zones, even for one instance in one zone.",
        mend="Add a subnet in another zone.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        403,
        HIGH,
        "Its subnets have free addresses",
        reads="ec2:DescribeSubnets",
        why="Without a free address the restored instance gets the status incompatible-network.",
        mend="Free addresses, or add larger subnets.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        404,
        CRITICAL,
        "The security groups exist in the VPC of the subnet group",
        reads="ec2:DescribeSecurityGroups",
        why="RDS refuses a restore with a security group of another VPC.",
        mend="Create a security group in this VPC, and set restore.vpc_security_group_ids.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        405,
        HIGH,
        "No security group allows outgoing connections to the internet",
        reads="ec2:DescribeSecurityGroups",
        why="A restored production database starts with its jobs, foreign servers and "
        "subscriptions, and could connect to other systems.",
        mend="Remove the rule from the security group.",
        link="docs/explanation/rds.md",
    ),
    _rule(
        406,
        CRITICAL,
        "A security group allows connections to the PostgreSQL port",
        reads="ec2:DescribeSecurityGroups; the port of production",
        why="If the checker cannot connect, every drill is inconclusive.",
        mend="Allow connections from the security group or the addresses of the checker.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        407,
        HIGH,
        "No security group allows connections from the internet",
        reads="ec2:DescribeSecurityGroups",
        why="The restored instance contains the data of production.",
        mend="Remove the rule from the security group.",
        link=f"{RDS_GUIDE}/Overview.RDSSecurityGroups.html",
    ),
    _rule(
        408,
        CRITICAL,
        "The DB parameter group exists and is for the major version of production",
        reads="rds:DescribeDBParameterGroups or rds:DescribeDBClusterParameterGroups",
        why="With a group of another family the restored instance gets the status "
        "incompatible-parameters.",
        mend="Create a group of the right family, or correct restore.db_parameter_group_name or "
        "restore.db_cluster_parameter_group_name.",
        link=f"{RDS_GUIDE}/USER_WorkingWithParamGroups.html",
    ),
    _rule(
        409,
        CRITICAL,
        "The quota has room for one more DB instance",
        reads="rds:DescribeAccountAttributes in the backup account",
        why="With InstanceQuotaExceeded the drill is inconclusive.",
        mend="Ask for a higher quota (L-7B6409FD), or delete instances that are not needed.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        410,
        HIGH,
        "The quota of manual snapshots has room for the next copy and all kept copies",
        reads="rds:DescribeAccountAttributes in the backup account",
        why="With SnapshotQuotaExceeded the drill is inconclusive and makes no copy. Each "
        "target keeps backup.keep_copies copies, and one more while the next copy is made.",
        mend="Ask for a higher quota (L-272F1212, of cluster snapshots L-9B510759), or lower backup.keep_copies.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        411,
        HIGH,
        "The quota of storage has room for the restored instance",
        reads="rds:DescribeAccountAttributes; the allocated storage of production",
        why="With StorageQuotaExceeded the drill is inconclusive.",
        mend="Ask for a higher quota (L-7ADDB58A).",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        412,
        HIGH,
        "The quota of manual snapshots has room for staging copies in the source account",
        reads="rds:DescribeAccountAttributes in the source account",
        why="With SnapshotQuotaExceeded the drill is inconclusive and makes no copy. Two "
        "staging copies are needed: the newest is kept while the next one is made. Of a cluster one is needed.",
        mend="Ask for a higher quota (L-272F1212, of cluster snapshots L-9B510759), or delete snapshots that are not "
        "needed.",
        link=f"{RDS_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        413,
        CRITICAL,
        "RDS offers the instance class for the version of production",
        reads="rds:DescribeOrderableDBInstanceOptions in the backup account",
        why="With InvalidParameterCombination RDS refuses the restore, and the drill is "
        "inconclusive.",
        mend="Choose another restore.db_instance_class.",
        link=f"{RDS_GUIDE}/Concepts.DBInstanceClass.Support.html",
    ),
    _rule(
        414,
        CRITICAL,
        "Aurora allows the limits in restore.serverless_v2 for the version of production",
        reads="rds:DescribeDBEngineVersions in the backup account: ServerlessV2FeaturesSupport",
        why="RDS refuses a restore with other limits, and a restore of a version that the region does not have.",
        mend="Correct min_acu or max_acu.",
        link=f"{AURORA_GUIDE}/aurora-serverless-v2.how-it-works.html",
    ),
    _rule(
        415,
        CRITICAL,
        "The quota has room for one more DB cluster",
        reads="rds:DescribeAccountAttributes in the backup account",
        why="With DBClusterQuotaExceededFault the drill is inconclusive.",
        mend="Ask for a higher quota (L-952B80B8), or delete clusters that are not needed.",
        link=f"{AURORA_GUIDE}/CHAP_Limits.html",
    ),
    _rule(
        416,
        LOW,
        "RDS can make one more snapshot copy now",
        reads="rds:DescribeDBSnapshots or rds:DescribeDBClusterSnapshots in both accounts",
        why="RDS makes 20 copies of snapshots at once in each account and region, and 5 of cluster snapshots. A "
        "drill waits for the others; its deadline limits the wait.",
        mend="Start the drills of many Aurora targets at different times.",
        link=f"{AURORA_GUIDE}/aurora-copy-snapshot.html",
    ),
)

_PERMISSIONS = (
    _rule(
        501,
        CRITICAL,
        "IAM allows the source role everything that a drill needs",
        reads="iam:SimulatePrincipalPolicy in the source account",
        why="If a permission is missing, drills stop with an error.",
        mend="Apply the policy that is shown.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        502,
        CRITICAL,
        "IAM denies the source role everything that would change production",
        reads="iam:SimulatePrincipalPolicy in the source account",
        why="restorecheck itself refuses such calls; IAM must refuse them, too.",
        mend="Apply the policy that is shown, and detach policies that allow more.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        503,
        CRITICAL,
        "IAM allows restorecheck in the backup account everything that a drill needs",
        reads="iam:SimulatePrincipalPolicy in the backup account",
        why="If a permission is missing, drills stop with an error or leave resources behind.",
        mend="Apply the policy that is shown.",
        link="docs/reference/aws-permissions.md",
    ),
    _rule(
        504,
        HIGH,
        "IAM denies restorecheck in the backup account everything that no drill needs",
        reads="iam:SimulatePrincipalPolicy in the backup account",
        why="Credentials that can share copies, restore publicly or delete other resources are "
        "a target for attackers.",
        mend="Apply the policy that is shown, and detach policies that allow more.",
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
        mend="Deploy the stack again; its events show what failed.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        512,
        CRITICAL,
        "The role of the source account trusts the backup account, with an external id",
        reads="iam:GetRole",
        why="Without the trust every drill stops at its first step. Without the external id "
        "another account could use the role.",
        mend="Deploy the stack with the id of the backup account.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        521,
        CRITICAL,
        "The stack of the backup account is complete",
        reads="cloudformation:DescribeStacks",
        why="A stack that is incomplete or rolled back has no alarms.",
        mend="Deploy the stack again; its events show what failed.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        522,
        CRITICAL,
        "The role of every function exists, and Lambda may assume it",
        reads="iam:GetRole for the five roles of the functions",
        why="A function without its role cannot run.",
        mend="Deploy the stack again; this creates the roles.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        523,
        CRITICAL,
        "Every function can be invoked",
        reads="lambda:GetFunctionConfiguration: State and LastUpdateStatus",
        why="A function that is pending or whose update failed runs old code or does not run.",
        mend="Wait if a function is pending; deploy the stack again if an update failed.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html",
    ),
    _rule(
        524,
        CRITICAL,
        "The VPC of the checker has its two endpoints, and their policies allow the checker",
        reads="ec2:DescribeVpcEndpoints: state, subnets or route tables, policy",
        why="The checker has no internet access. Without the endpoints of Secrets Manager and "
        "DynamoDB it cannot read the password or store a result. The policy of a gateway "
        "endpoint must name principals with the condition aws:PrincipalArn.",
        mend="Deploy the stack again; in your own VPC create the endpoints.",
        link="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
    ),
    _rule(
        525,
        MEDIUM,
        "Lambda may run enough functions at once",
        reads="lambda:GetAccountSettings: UnreservedConcurrentExecutions",
        why="New accounts have a reduced quota. Calls above the quota are throttled, and "
        "drills take longer.",
        mend="Ask for a higher quota of concurrent executions.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    _rule(
        526,
        HIGH,
        "The schedules are on",
        reads="scheduler:GetSchedule",
        why="If a schedule is off, no drill starts or no sweep runs.",
        mend="Turn the schedule on in EventBridge Scheduler, or deploy the stack again.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        527,
        HIGH,
        "The alarms have a confirmed subscriber",
        reads="sns:ListSubscriptionsByTopic",
        why="AWS sends nothing to an address that is not confirmed.",
        mend="Follow the link in the message of AWS, or subscribe to the topic.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        528,
        MEDIUM,
        "The bucket of the reports has object lock",
        reads="s3:GetBucketObjectLockConfiguration: state and default retention",
        why="Without object lock, every version of a report can be deleted at any time. With a default retention "
        "no report can be deleted before its time, in the mode COMPLIANCE not even by the owner of the account.",
        mend="Turn on object lock. For evidence, set a default retention that is not longer than history.keep_days.",
        link="docs/how-to/audit.md",
    ),
    _rule(
        531,
        CRITICAL,
        "The configuration in the bucket equals the local file",
        reads="s3:GetObject (headers only) of the configuration; the local file of this command",
        why="The functions read the configuration from the bucket. Local changes have no "
        "effect until they are copied.",
        mend="Copy the file: aws s3 cp.",
        link="docs/how-to/deploy.md",
    ),
    _rule(
        541,
        HIGH,
        "The newest execution of the nightly state machine succeeded",
        reads="states:ListExecutions of the nightly state machine",
        why="An execution that failed, timed out or was stopped did not drill all targets.",
        mend="Look at the execution, and start one by hand.",
        link="docs/how-to/deploy.md",
    ),
)

_DATABASES = (
    _rule(
        601,
        CRITICAL,
        "Deletion protection is on",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="Without deletion protection one API call, `terraform destroy` or a click deletes "
        "the database.",
        mend="Turn deletion protection on; this takes effect at once, without an outage.",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        602,
        CRITICAL,
        "Automated backups are on",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="With a retention of 0 there is no automated snapshot and no point-in-time recovery.",
        mend="Set the retention to 7 days or more. (From 0 this may interrupt the instance.)",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.html",
    ),
    _rule(
        603,
        CRITICAL,
        "At least one backup survives the deletion of the database",
        reads="rds:DescribeDBSnapshots, DescribeDBClusterSnapshots, "
        "DescribeDBInstanceAutomatedBackups; the copies in the backup account",
        why="Deleting an instance also deletes its automated backups (DeleteAutomatedBackups "
        "is true by default). Manual snapshots, snapshots of AWS Backup and copies in other "
        "accounts or regions survive.",
        mend="Copy every night into another account, or at least take manual snapshots.",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        604,
        MEDIUM,
        "Automated backups are kept for a week",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="Damage on a Friday is often noticed only after the weekend.",
        mend="Set the retention to 7 days or more.",
        link=f"{RDS_GUIDE}/USER_WorkingWithAutomatedBackups.BackupRetention.html",
    ),
    _rule(
        605,
        MEDIUM,
        "The database has no public address",
        reads="rds:DescribeDBInstances, DescribeDBClusters",
        why="With a public address only the password protects the data.",
        mend="Turn public access off.",
        link=f"{RDS_GUIDE}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    ),
    _rule(
        606,
        MEDIUM,
        "Backtracking does not replace backups",
        reads="rds:DescribeDBClusters: BacktrackWindow; the copies in the backup account",
        why="Backtracking rewinds the cluster itself, by at most 72 hours. It goes with the cluster and with the account.",
        mend="Copy its snapshots into another account, too.",
        link=f"{AURORA_GUIDE}/AuroraMySQL.Managing.Backtrack.html",
    ),
    _rule(
        607,
        MEDIUM,
        "A global database does not replace backups",
        reads="rds:DescribeDBClusters: GlobalClusterIdentifier; the copies in the backup account",
        why="A deletion of rows reaches every region within seconds, and all regions are in one account.",
        mend="Copy the snapshots of its primary cluster into another account, too.",
        link=f"{AURORA_GUIDE}/aurora-global-database.html",
    ),
)

_COPIES = (
    _rule(
        701,
        CRITICAL,
        "A copy of the backups exists outside the account",
        reads="rds:DescribeDBSnapshots in the backup account: the copies of this database",
        why="A user with delete rights, or an attacker in the account, can delete the database "
        "and its backups together.",
        mend="Add an rds target for this database and drill it every night.",
        link="docs/how-to/rds.md",
    ),
    _rule(
        702,
        HIGH,
        "The newest copy outside the account is recent",
        reads="rds:DescribeDBSnapshots in the backup account; max_age_hours of the target",
        why="If the account is lost, all changes after the newest copy are lost. The limit is "
        "max_age_hours plus one day for the copy.",
        mend="Find out why the last drills failed: restorecheck status.",
        link="docs/how-to/rds.md",
    ),
    _rule(
        703,
        HIGH,
        "A copy was verified recently",
        reads="the verdict tag of the copies; the history of this machine; max_proof_age_hours",
        why="A backup that was never restored may not work.",
        mend="Run a drill of the target.",
        link="docs/how-to/every-night.md",
    ),
    _rule(
        704,
        CRITICAL,
        "The copies outside the account use no KMS key of the source account",
        reads="rds:DescribeDBSnapshots in the backup account",
        why="Without the key the copies cannot be restored, and the source account controls "
        "the key.",
        mend="Set backup.kms_key_id to a key of the backup account, run a drill, then delete "
        "the old copies.",
        link=f"{RDS_GUIDE}/Overview.Encryption.html",
    ),
    _rule(
        705,
        CRITICAL,
        "The KMS keys of the database and its snapshots are enabled",
        reads="kms:DescribeKey",
        why="While a key is disabled or pending deletion nothing can be restored. After its "
        "deletion the data is lost.",
        mend="Enable the key, or cancel its deletion, today.",
        link=f"{KMS_GUIDE}/deleting-keys.html",
        pressing=True,
    ),
    _rule(
        706,
        CRITICAL,
        "No snapshot is public",
        reads="rds:DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes",
        why="Everybody with an AWS account can restore a public snapshot and read its data.",
        mend="Remove the share, and assume that the data was read.",
        link=f"{RDS_GUIDE}/USER_ShareSnapshot.html",
        pressing=True,
    ),
    _rule(
        707,
        HIGH,
        "No snapshot is shared with an account that the configuration does not name",
        reads="rds:DescribeDBSnapshotAttributes, DescribeDBClusterSnapshotAttributes",
        why="An account that a snapshot is shared with can copy it.",
        mend="Remove each share that is not needed.",
        link=f"{RDS_GUIDE}/USER_ShareSnapshot.html",
    ),
)

_PRINCIPALS = (
    _rule(
        801,
        HIGH,
        "No user or role can delete both the database and its snapshots",
        reads="iam:ListUsers, ListRoles, SimulatePrincipalPolicy",
        why="One stolen access key or one mistake of such a user or role deletes the database "
        "and its backups.",
        mend="Deny these calls to everybody except a break-glass role (infra/guardrails).",
        link="docs/how-to/guardrails.md",
    ),
    _rule(
        802,
        MEDIUM,
        "No user or role can make the KMS key of the database unusable",
        reads="iam:ListUsers, ListRoles, SimulatePrincipalPolicy (kms:DisableKey, "
        "ScheduleKeyDeletion)",
        why="Without the key the database and its snapshots are lost. The key policy may still "
        "refuse the call: the policy simulator does not evaluate it.",
        mend="Deny these calls to everybody except a break-glass role (infra/guardrails).",
        link="docs/how-to/guardrails.md",
    ),
)

_TERRAFORM = (
    _rule(
        901,
        CRITICAL,
        "The Terraform plan deletes no database",
        reads="resource_changes of `terraform show -json PLAN`",
        why="Applying this plan deletes the database. A replacement deletes it, too.",
        mend="Do not apply the plan. Find out why the database is missing in the state or the "
        "configuration.",
        link=f"{TERRAFORM_GUIDE}/internals/json-format",
        pressing=True,
    ),
    _rule(
        902,
        CRITICAL,
        "Terraform manages the database with deletion_protection",
        reads="aws_db_instance, aws_rds_cluster in state or plan",
        why="Without it `terraform destroy` deletes the database, and an apply removes a "
        "protection that was set by hand.",
        mend="deletion_protection = true",
        link=f"{TERRAFORM_GUIDE}/language/state",
    ),
    _rule(
        903,
        HIGH,
        "Terraform takes a final snapshot on deletion",
        reads="skip_final_snapshot in state or plan",
        why="Without a final snapshot the newest changes are lost.",
        mend="skip_final_snapshot = false, and a final_snapshot_identifier",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        904,
        HIGH,
        "Terraform keeps the automated backups on deletion",
        reads="delete_automated_backups in state or plan; the default is true",
        why="Otherwise the automated backups are deleted with the instance. If kept, they stay "
        "for their retention period.",
        mend="delete_automated_backups = false",
        link=f"{RDS_GUIDE}/USER_DeleteInstance.html",
    ),
    _rule(
        905,
        HIGH,
        "The resource has prevent_destroy",
        reads="lifecycle in the .tf files given by --terraform-files",
        why="With prevent_destroy Terraform refuses a plan that destroys the resource. The "
        "setting is only in the .tf files, not in a state or in `terraform show -json`. It "
        "has no effect when the whole block is removed.",
        mend="lifecycle { prevent_destroy = true }",
        link=f"{TERRAFORM_GUIDE}/language/meta-arguments/lifecycle",
    ),
)

RULES = (
    *_THIS_MACHINE,
    *_PHYSICAL,
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
