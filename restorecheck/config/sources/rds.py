"""RDS: the keys, with AWS's names and values, and their rules."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from restorecheck.checks.keys import AtLeastOne, FromList, Hours, Keys, Text, optional, refusal
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.sources.kind import SourceKind, Written

HOW_TO_GET = (
    "curl -o rds-global-bundle.pem "
    "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
)
_ROLE = re.compile(r"arn:aws(-cn|-us-gov)?:iam::(\d{12}):role/[\w+=,.@/-]+", re.ASCII)
_KEY = re.compile(r"arn:aws(-cn|-us-gov)?:kms:([a-z0-9-]+):(\d{12}):key/[\w-]+", re.ASCII)
_ACCOUNT = r"\d{12}"
_REGION = r"[a-z]{2,}(-[a-z]+)+-\d+"
_PRICE_OF_SUPPORT = (
    "For a major version after its end of life: open-source-rds-extended-support restores the "
    "same version and costs money; with open-source-rds-extended-support-disabled RDS "
    "upgrades the instance, so the drill proves another version than production's."
)


def is_account_id(text: str) -> bool:
    return re.fullmatch(_ACCOUNT, text, re.ASCII) is not None


def is_region(text: str) -> bool:
    return re.fullmatch(_REGION, text, re.ASCII) is not None


def role_account(arn: str) -> str:
    """The account of a role's ARN; empty: not such an ARN."""
    match = _ROLE.fullmatch(arn)
    return match[2] if match else ""


def key_place(arn: str) -> tuple[str, str] | None:
    """Account and region of a key's ARN; None: not such an ARN."""
    match = _KEY.fullmatch(arn)
    return (match[3], match[2]) if match else None


def matching(pattern: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refusal(f"expected {expected}, found {{found}}")
        return value

    return AfterValidator(check)


def _quoted(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, int) and not isinstance(value, bool):
        raise refusal("expected the 12 digits of an account id in quotes, found the number {found}")
    return value


def _lower(value: str) -> str:
    """RDS ignores the case of identifiers."""
    return value.lower()


def _key_arn(value: str) -> str:
    if key_place(value) is None:
        raise refusal(
            "expected the full ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID, found {found}; "
            "an id or an alias is not valid in the other account"
        )
    return value


def _role_arn(value: str) -> str:
    if not role_account(value):
        raise refusal(
            "expected the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME, found {found}"
        )
    return value


def _subnet_group(value: str) -> str:
    if value.lower() == "default":
        raise refusal(
            "'default' is refused: RDS gives instances in the default subnet group a public address; "
            "name a group of private subnets in two zones"
        )
    return value


AccountId = Annotated[
    str, BeforeValidator(_quoted), matching(_ACCOUNT, "the 12 digits of an account id")
]
InstanceName = Annotated[
    str,
    matching(
        r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,62}(?<!-)",
        "1 to 63 letters, digits and single hyphens, beginning with a letter",
    ),
    AfterValidator(_lower),
]
Region = Annotated[str, matching(_REGION, "a region such as eu-west-1")]
KeyArn = Annotated[str, AfterValidator(_key_arn)]
RoleArn = Annotated[str, AfterValidator(_role_arn)]
ExternalId = Annotated[
    str, matching(r"[\w+=,.@:/-]{2,1224}", "2 to 1224 letters, digits and any of +=,.@:/-")
]
InstanceClass = Annotated[
    str, matching(r"db\.[a-z0-9-]+\.[a-z0-9-]+", "an instance class such as db.t4g.medium")
]
SubnetGroup = Annotated[Text, AfterValidator(_subnet_group)]
SecurityGroups = Annotated[
    tuple[
        Annotated[str, matching(r"sg-[0-9a-f]{8,}", "a security group such as sg-0a1b2c3d")], ...
    ],
    FromList,
    AtLeastOne,
]


class RdsSource(Keys):
    """The account that holds production. restorecheck copies and shares snapshots there, nothing else."""

    account_id: AccountId = Field(description="Account id: 12 digits, in quotes.")
    role_arn: RoleArn = Field(
        description="Role in the source account that trusts the backup account."
    )
    external_id: ExternalId = Field(
        description="External id that the role's trust policy asks for."
    )
    transit_kms_key_id: KeyArn | None = Field(
        default=None,
        description="Full ARN of a customer managed key that both accounts may use; the staging "
        "copy is encrypted with it. Required if production is encrypted with the default key "
        "aws/rds; always recommended.",
    )


class RdsBackup(Keys):
    """The separate account that owns the copies, and in which everything is restored."""

    account_id: AccountId = Field(
        description="Account id: 12 digits, in quotes; not the source account."
    )
    kms_key_id: KeyArn = Field(
        description="Full ARN of the key that the copies are encrypted with."
    )
    keep_copies: Annotated[int, Field(ge=1, le=90)] = Field(
        default=7,
        description="Number of copies to keep. The newest verified copy is always kept.",
    )
    region: Region | None = Field(
        default=None, description="Region of the copies; by default the region of the source."
    )


class TemporaryDatabase(Keys):
    """What is restored into the backup account for as long as the drill takes."""

    db_instance_class: InstanceClass = Field(
        description="Class of the temporary instance, such as db.t4g.medium."
    )
    db_subnet_group_name: SubnetGroup = Field(
        description="Group of private subnets in at least two zones."
    )
    vpc_security_group_ids: SecurityGroups = Field(
        description="Security groups; they should allow connections from the checker and no "
        "outgoing connections."
    )
    credentials: Literal["managed-secret", "reset", "iam"] = Field(
        default="managed-secret",
        description="managed-secret: RDS creates a new master password and keeps it in Secrets "
        "Manager. reset: restorecheck creates and keeps it. iam: the checker logs in with a "
        "token.",
    )
    iam_user: Text | None = optional(
        "With credentials: iam, the role in the database that has rds_iam."
    )
    master_user_secret_kms_key_id: KeyArn | None = optional(
        "With credentials: managed-secret, the KMS key of the secret; by default the default "
        "key of AWS."
    )
    engine_lifecycle_support: Literal[
        "open-source-rds-extended-support", "open-source-rds-extended-support-disabled"
    ] = Field(default="open-source-rds-extended-support", description=_PRICE_OF_SUPPORT)


class RdsRestore(TemporaryDatabase):
    """The temporary instance."""

    db_parameter_group_name: Text | None = Field(
        default=None,
        description="Parameter group; by default the default group of AWS for the engine, not "
        "the group of production.",
    )


class Rds(Keys):
    """Automated snapshots of an RDS for PostgreSQL instance."""

    db_instance_identifier: InstanceName = Field(
        description="Identifier of the production DB instance."
    )
    region: Region = Field(description="Region of the DB instance.")
    source: RdsSource = Field(description="The account that holds production.")
    backup: RdsBackup = Field(description="The account that owns the copies.")
    restore: RdsRestore = Field(description="Settings of the temporary instance.")
    max_age_hours: Hours = Field(
        default=26.0, description="The drill fails if the newest snapshot is older than this."
    )
    after: Literal["delete", "stop"] = Field(
        default="delete",
        description="What happens to a verified instance. delete: it is deleted. stop: it is "
        "stopped and kept as a warm standby until the next instance is verified.",
    )


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    yield from between_accounts(written.keys, (*written.path, "rds"))


def between_accounts(keys: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    """What holds between the accounts, keys and credentials of a target with snapshots."""
    source, backup, restore = (mapping(keys, key) for key in ("source", "backup", "restore"))
    yield from _accounts(source, backup, path)
    yield from _keys(keys, source, backup, restore, path)
    yield from _credentials(restore, (*path, "restore"))


def _accounts(
    source: dict[str, Any], backup: dict[str, Any], path: Path
) -> Iterator[ConfigFinding]:
    here, there = _account(source), _account(backup)
    if here is not None and here == there:
        message = (
            "the backup account must not be the source account: a user who can destroy production "
            "must not have access to the copies. Use a separate account"
        )
        yield ConfigFinding((*path, "backup", "account_id"), message)
    role = role_account(_text(source, "role_arn") or "")
    if role and here is not None and role != here:
        message = f"the role belongs to account {role}, but source.account_id is {here}"
        yield ConfigFinding((*path, "source", "role_arn"), message)


def _keys(
    rds: dict[str, Any],
    source: dict[str, Any],
    backup: dict[str, Any],
    restore: dict[str, Any],
    path: Path,
) -> Iterator[ConfigFinding]:
    home = _region(rds)
    kept = _region(backup) if "region" in backup else home
    here, there = _account(source), _account(backup)
    if here == there:
        return
    wanted = (
        (source, ("source", "transit_kms_key_id"), home, {here, there}),
        (backup, ("backup", "kms_key_id"), kept, {there}),
        (restore, ("restore", "master_user_secret_kms_key_id"), kept, {there}),
    )
    for keys, key_path, region, accounts in wanted:
        place = key_place(_text(keys, key_path[-1]) or "")
        if place is None or None in accounts or region is None:
            continue
        account, found = place
        if account not in accounts:
            names = " or ".join(sorted(a for a in accounts if a))
            yield ConfigFinding(
                (*path, *key_path), f"the key belongs to account {account}, not to {names}"
            )
        if found != region:
            message = (
                f"the key is in {found} but is used in {region}; a KMS key works only in "
                "its own region"
            )
            yield ConfigFinding((*path, *key_path), message)


def _credentials(restore: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    kind = restore.get("credentials", "managed-secret")
    user = restore.get("iam_user")
    if kind == "iam" and user is None:
        yield ConfigFinding(
            path, "credentials: iam needs iam_user, a role in the database with rds_iam"
        )
    if kind != "iam" and user is not None:
        yield ConfigFinding((*path, "iam_user"), "iam_user is allowed only with credentials: iam")
    if kind != "managed-secret" and restore.get("master_user_secret_kms_key_id") is not None:
        message = "master_user_secret_kms_key_id is allowed only with credentials: managed-secret"
        yield ConfigFinding((*path, "master_user_secret_kms_key_id"), message)


def _account(data: dict[str, Any]) -> str | None:
    """The account id, if well-formed: else further errors are consequences."""
    value = _text(data, "account_id")
    return value if value is not None and is_account_id(value) else None


def _region(data: dict[str, Any]) -> str | None:
    value = _text(data, "region")
    return value if value is not None and is_region(value) else None


def mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


RDS = SourceKind(
    key="rds",
    keys=Rds,
    help="The backups are automated snapshots of an RDS instance.",
    physical=True,
    in_aws=True,
    from_account=True,
    upgrades=True,
    selects=True,
    broken_rules=_broken_rules,
)
