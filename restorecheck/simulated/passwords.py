"""The master password of an instance or a cluster: given, or managed in Secrets Manager."""

from collections.abc import Callable

from restorecheck.simulated import rules
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.state import State
from restorecheck.simulated.things import Database, Parameters, Region

CREATING, ACTIVE = "creating", "active"
"""MasterUserSecret.SecretStatus."""
SECRETS_KEY, DESCRIBE_KEY = "aws-secretsmanager", "kms:DescribeKey"


class MasterPasswords:
    def __init__(self, state: State) -> None:
        self._state = state

    def change(self, region: Region, thing: Database, given: Parameters, caller: str) -> None:
        """What ModifyDBInstance or ModifyDBCluster asks for, if it asks for a password."""
        password = given.get("MasterUserPassword")
        if given.get("ManageMasterUserPassword"):
            self._refuse_unknown_key(region, given, caller)
            self._manage_password(region, thing)
        elif password is not None:
            self._change_password(region, thing, password)

    def _refuse_unknown_key(self, region: Region, given: Parameters, caller: str) -> None:
        """Who asks for a managed password must be able to describe the secret's key, also where it is
        Secrets Manager's own: RDS User Guide, "Password management with Amazon RDS and AWS Secrets
        Manager", permissions required.
        """
        own = region.arn("key", SECRETS_KEY, "kms").replace(":key:", ":key/")
        key = given.get("MasterUserSecretKmsKeyId") or own
        if not self._state.behind.may(region, caller, DESCRIBE_KEY, key):
            raise rules.not_authorized(caller, DESCRIBE_KEY, key)

    def _manage_password(self, region: Region, thing: Database) -> None:
        thing.secret_arn, password = self._state.behind.make_secret(region, thing)
        thing.secret_status = CREATING

        def active() -> None:
            thing.secret_status = ACTIVE

        self._change_password(region, thing, password, then=active)

    def _change_password(
        self,
        region: Region,
        thing: Database,
        password: str,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """The race of the real thing: right after the call the instance is still `available`, for a
        moment even with nothing pending (aws-cloudformation-resource-providers-rds, Probing.java, counts
        several looks for that reason).
        """
        state = self._state
        thing.pending = {"MasterUserPassword": "****"}
        thing.pending_from = state.seen_from()
        outcome = state.passwords.popleft() if state.passwords else PlannedOutcome()

        def end() -> None:
            thing.pending = {}
            if thing.status == "resetting-master-credentials":
                thing.status = "available"
            if outcome.status != "available":
                said = "Unable to reset your password. Error information"
                state.tell(region, thing, said)
                return
            if thing.reachable:
                state.behind.set_password(thing, password)
                thing.password = password
                state.tell(region, thing, "Reset master credentials")
                then()

        begins = state.pace.password / 4
        state.turn(thing, begins, "available", "resetting-master-credentials")
        state.after(state.pace.password, end, outcome)
