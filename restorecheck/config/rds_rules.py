"""What holds between the keys of an RDS target. Looks at the plain data, as `rules` does."""

from collections.abc import Iterator
from typing import Any

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.rds import is_account_id, is_region, key_place, role_account

HOW_TO_GET = (
    "curl -o rds-global-bundle.pem "
    "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
)


def broken_rds_rules(rds: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    """Everything that is wrong between the keys of one target's `rds`."""
    source, backup, restore = (_mapping(rds, key) for key in ("source", "backup", "restore"))
    yield from _accounts(source, backup, path)
    yield from _keys(rds, source, backup, restore, path)
    yield from _credentials(restore, (*path, "restore"))


def missing_bundle(document: Document) -> Iterator[ConfigFinding]:
    """Said once, of the first target in AWS."""
    targets = document.data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else []):
        kinds = [k for k in ("rds", "adopt") if isinstance(_mapping_of(target).get(k), dict)]
        if kinds:
            if _text(_mapping(document.data, "aws"), "ca_bundle") is None:
                message = (
                    "a target in AWS needs the top-level key aws.ca_bundle: without the certificates "
                    f"of RDS no connection can be trusted; get them with: {HOW_TO_GET}"
                )
                yield ConfigFinding(("targets", index, kinds[0]), message)
            return


def _accounts(
    source: dict[str, Any], backup: dict[str, Any], path: Path
) -> Iterator[ConfigFinding]:
    here, there = _account(source), _account(backup)
    if here is not None and here == there:
        message = (
            "the backup account is the source account; what destroys the one must not reach the "
            "other, so the copies belong into an account of their own"
        )
        yield ConfigFinding((*path, "backup", "account_id"), message)
    role = role_account(_text(source, "role_arn") or "")
    if role and here is not None and role != here:
        message = f"the role belongs to account {role}, and source.account_id is {here}"
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
            message = f"the key is in {found}; it is used in {region}, and keys do not leave theirs"
            yield ConfigFinding((*path, *key_path), message)


def _credentials(restore: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    kind = restore.get("credentials", "managed-secret")
    user = restore.get("iam_user")
    if kind == "iam" and user is None:
        yield ConfigFinding(
            path, "credentials: iam needs iam_user, a role in the database with rds_iam"
        )
    if kind != "iam" and user is not None:
        yield ConfigFinding((*path, "iam_user"), "iam_user is used with credentials: iam only")
    if kind != "managed-secret" and restore.get("master_user_secret_kms_key_id") is not None:
        message = "master_user_secret_kms_key_id is used with credentials: managed-secret only"
        yield ConfigFinding((*path, "master_user_secret_kms_key_id"), message)


def _account(data: dict[str, Any]) -> str | None:
    """Only one that is well-formed: else whatever it is compared with is a consequence."""
    value = _text(data, "account_id")
    return value if value is not None and is_account_id(value) else None


def _region(data: dict[str, Any]) -> str | None:
    value = _text(data, "region")
    return value if value is not None and is_region(value) else None


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    return _mapping_of(data.get(key))


def _mapping_of(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None
