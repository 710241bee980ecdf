"""Access to a restored instance without production's password.

A restore keeps every role and password of the snapshot. RDS changes the master password "as soon as possible":
right after the call the instance may still be `available` with nothing pending. So several consecutive positive
looks, or an event, are needed to conclude that the change is complete (RDS User Guide, "Settings for DB
instances"; events RDS-EVENT-0016 and RDS-EVENT-0067).
"""

import json
import secrets
from datetime import datetime
from typing import Any

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import Credentials, SnapshotSettings, parse_arn
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.snapshots.copies import expires_at
from restorecheck.aws.snapshots.instances import (
    RestoredKind,
    RestoredView,
    endpoint_of,
    own,
    wait_for,
)
from restorecheck.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidStateError,
    NotFoundError,
    ProviderError,
)
from restorecheck.lifecycle import Broken, Gone, InProgress, Ready, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Endpoint, Resource

SECRET = "secret"  # noqa: S105  # the kind of a resource

REQUESTED = "password_requested"
SEEN = "credentials_seen"
POSITIVE_LOOKS = 2
UNCONFIRMED_LOOKS = 7
"""Consecutive positive looks that suffice without an event: longer than the change may take to be visible."""

ACTIVE, IMPAIRED = "active", "impaired"
"""MasterUserSecret.SecretStatus."""

FAILED_RESET, DONE_RESET = "unable to reset", "reset master credentials"
"""Words of RDS-EVENT-0067 and RDS-EVENT-0016; DescribeEvents returns no event ids."""


def take_over(
    settings: SnapshotSettings, account: Account, drill: Drill, kind: RestoredKind[Any]
) -> StepEvent:
    """Have the instance or cluster accept credentials that the checker can read."""
    view = own(account, drill, kind)
    match settings.restore.credentials:
        case Credentials.IAM:
            done = view.iam_authentication
            return _when_settled(settings, account, drill, view, kind, done=done)
        case Credentials.MANAGED_SECRET:
            return _managed(settings, account, drill, view, kind)
        case Credentials.RESET:
            return _reset(settings, account, drill, view, kind)


def secret_resource(settings: SnapshotSettings, drill_id: str) -> Resource:
    """The secret of restorecheck; RDS deletes its own secret with the instance."""
    place = settings.backup.place
    name = naming.identifier_of(drill_id)
    arn = place.arn("secret", name, service="secretsmanager")
    return Resource(kind=SECRET, identifier=arn, account=place.account_id)


def delete_secret(
    settings: SnapshotSettings,
    account: Account,
    resource: Resource,
    *,
    made_until: datetime,
    now: datetime,
) -> Gone | StillThere:
    name = parse_arn(resource.identifier).name
    try:
        described = _describe_secret(account, name)
    except NotFoundError:
        described = None
    if described is None:
        if now < made_until + settings.settling:
            return StillThere(resource, "not visible yet; AWS may show it later", settings.poll)
        return Gone(resource)
    tags = naming.as_dict(described.get("Tags"))
    if not tags and now < made_until + settings.settling:
        return StillThere(resource, "waiting until AWS shows its tags", settings.poll)
    if not naming.is_managed(tags):
        return StillThere(
            resource, "not deleted: the tags of restorecheck are missing", settings.poll
        )
    with attempting(f"delete the secret {name}", name):
        account.secrets().delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    return Gone(resource)


class Passwords:
    """Credentials of the checker. The only code that reads a database password."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def of(self, endpoint: Endpoint) -> str:
        """A password or token for this endpoint, never stored and never shown.

        Raises:
            ProviderError: The secret cannot be read.
        """
        if not endpoint.secret:
            return self._account.log_in_token(endpoint.host, endpoint.port, endpoint.user)
        return read_password(self._account.secrets(), endpoint)


def read_password(secrets_manager: Any, endpoint: Endpoint) -> str:  # noqa: ANN401  # boto3's client
    """The password in the secret of this endpoint.

    Raises:
        ProviderError: The secret cannot be read, or contains no password.
    """
    with attempting(f"read the secret {endpoint.secret}", endpoint.secret):
        answer = secrets_manager.get_secret_value(SecretId=endpoint.secret)
    try:
        return str(json.loads(answer["SecretString"])["password"])
    except (KeyError, ValueError, TypeError):
        raise ProviderError(
            f"could not read a password from the secret {endpoint.secret}: expected JSON with "
            "the key `password`"
        ) from None


def _managed(
    settings: SnapshotSettings,
    account: Account,
    drill: Drill,
    view: RestoredView,
    kind: RestoredKind[Any],
) -> StepEvent:
    if not view.secret_arn:
        waiting = wait_for(settings.poll, view)
        if waiting is not None:
            return waiting
        key = settings.restore.master_user_secret_kms_key_id
        encryption: dict[str, str] = {"MasterUserSecretKmsKeyId": key} if key else {}
        return _modify(settings, account, drill, kind, ManageMasterUserPassword=True, **encryption)
    if view.secret_status == IMPAIRED:
        return Unclear(
            reason=f"RDS cannot manage the master password of {view.identifier}: its secret is "
            "impaired",
            hint="Check the KMS key of the secret (restore.master_user_secret_kms_key_id): "
            "this is the usual cause.",
        )
    done = view.secret_status == ACTIVE
    return _when_settled(settings, account, drill, view, kind, done=done, secret=view.secret_arn)


def _reset(
    settings: SnapshotSettings,
    account: Account,
    drill: Drill,
    view: RestoredView,
    kind: RestoredKind[Any],
) -> StepEvent:
    name = naming.identifier_of(drill.id)
    if REQUESTED not in drill.outputs:
        waiting = wait_for(settings.poll, view)
        if waiting is not None:
            return waiting
        try:
            password = _password_for(settings, account, drill, name, user=view.master_username)
        except NotFoundError as exc:
            # Its name is used and it cannot be read yet: a process made it just before it died.
            return InProgress(wait=settings.poll, detail=exc.message, status="secret not seen yet")
        return _modify(settings, account, drill, kind, MasterUserPassword=password)
    # Events may be lost: they shorten the wait, but the drill does not depend on them.
    confirmed = _has_event(account, view, kind, DONE_RESET)
    looks = POSITIVE_LOOKS if confirmed else UNCONFIRMED_LOOKS
    return _when_settled(settings, account, drill, view, kind, done=True, secret=name, looks=looks)


def _modify(
    settings: SnapshotSettings,
    account: Account,
    drill: Drill,
    kind: RestoredKind[Any],
    **changes: str | bool,
) -> InProgress:
    view = own(account, drill, kind, now=True)
    try:
        with attempting(f"change the master credentials of {view.identifier}", view.arn):
            kind.modify(account, view, **changes)
    except InvalidStateError as exc:
        return InProgress(wait=settings.poll, detail=exc.message, status=view.status)
    return InProgress(
        wait=settings.poll,
        detail="changing the master credentials",
        status="change of credentials requested",
        outputs={REQUESTED: view.resource_id, SEEN: "0"},
    )


def _when_settled(
    settings: SnapshotSettings,
    account: Account,
    drill: Drill,
    view: RestoredView,
    kind: RestoredKind[Any],
    *,
    done: bool,
    secret: str = "",
    looks: int = POSITIVE_LOOKS,
) -> StepEvent:
    """Ready after several consecutive positive looks."""
    if _has_event(account, view, kind, FAILED_RESET):
        return Unclear(
            reason=f"RDS could not change the master password of {view.identifier}",
            hint="Look at the RDS events in the evidence of this report.",
        )
    waiting = wait_for(settings.poll, view)
    if isinstance(waiting, Broken | Unclear):
        return waiting
    if waiting is not None or not done:
        detail = waiting.detail if waiting else "the credentials are not active yet"
        status = waiting.status if waiting else view.status
        return InProgress(wait=settings.poll, detail=detail, status=status, outputs={SEEN: "0"})
    seen = int(drill.outputs.get(SEEN, "0")) + 1
    if seen < looks:
        return InProgress(
            wait=settings.poll,
            detail="confirming the credentials",
            status=view.status,
            outputs={SEEN: str(seen)},
        )
    return Ready(endpoint=endpoint_of(settings, view, secret=secret))


def _has_event(account: Account, view: RestoredView, kind: RestoredKind[Any], text: str) -> bool:
    events = kind.events(account).latest().get(view.identifier, ())
    return any(text in event.message.lower() for event in events)


def _password_for(
    settings: SnapshotSettings, account: Account, drill: Drill, name: str, *, user: str
) -> str:
    """Made once and kept in the secret, so that any host can continue the drill."""
    password = secrets.token_urlsafe(32)  # of the characters that RDS accepts
    tags = naming.common_tags(
        drill_id=drill.id,
        target=settings.target,
        role=naming.SECRET,
        expires_at=expires_at(drill),
    )
    try:
        with attempting(f"keep the new password in the secret {name}", name):
            account.secrets().create_secret(
                Name=name,
                Description="Password of a temporary DB instance of restorecheck",
                SecretString=json.dumps({"username": user, "password": password}),
                Tags=naming.as_list(tags),
            )
    except AlreadyExistsError:
        return _existing_password(account, drill, name)
    return password


def _existing_password(account: Account, drill: Drill, name: str) -> str:
    described = _describe_secret(account, name)
    if naming.as_dict(described.get("Tags")).get(naming.DRILL) != drill.id:
        raise AccessDeniedError(f"the secret {name} exists without the tag of this drill")
    with attempting(f"read the secret {name}", name):
        answer = account.secrets().get_secret_value(SecretId=name)
    return str(json.loads(answer["SecretString"])["password"])


def _describe_secret(account: Account, name: str) -> Any:  # noqa: ANN401  # boto3's answer
    client: Any = account.secrets()
    with attempting(f"describe the secret {name}", name):
        described = client.describe_secret(SecretId=name)
    if "DeletedDate" in described:
        raise NotFoundError(f"the secret {name} is deleted", resource=name)
    return described
