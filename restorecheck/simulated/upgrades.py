"""Upgrades to another major version: of an instance, or of a cluster with its instances.

Amazon RDS User Guide, "How to perform a major version upgrade for RDS for PostgreSQL"; RDS API, ModifyDBInstance and
ModifyDBCluster. Which versions there are is invented: each major version has two.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from restorecheck.simulated import rules
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.state import State
from restorecheck.simulated.things import (
    Cluster,
    Database,
    Description,
    Instance,
    Parameters,
    Region,
)

REFUSED = "refused"
"""A planned outcome: the checks before the upgrade find something, and the old version stays."""
UPGRADING = "upgrading"
LOG, DETAILS = "error/pg_upgrade_internal.log.1795910400", "error/tables_using_reg.txt.1795910400"
"""As users found them (?)."""
SAID = (
    "Database instance is in a state that cannot be upgraded: fatal : pg_upgrade reported failure for "
    "check_for_reg_data_type_usage"
)
FOUND: Mapping[str, str] = {
    LOG: """\
Performing Consistency Checks
-----------------------------
Checking cluster versions                                     ok
Checking for prepared transactions                            ok
Checking for reg* data types in user tables                   fatal

Your installation contains one of the reg* data types in user tables.
A list of the problem columns is in the file:
    tables_using_reg.txt
""",
    DETAILS: "In database: courses\n  public.settings.dictionary\n",
}
"""What stands in the logs of a refused upgrade (?)."""


def targets(version: str, newest_major: int) -> list[Description]:
    """`ValidUpgradeTarget` of this version."""
    major, _, minor = version.partition(".")
    own, later = int(major), [int(major) + 1, int(major) + 2]
    found = [(f"{own}.{int(minor.partition('-')[0] or 0) + 1}", False)]
    found += [(f"{m}.{n}", True) for m in later if m <= newest_major for n in (10, 9)]
    return [
        {"EngineVersion": name, "AutoUpgrade": False, "IsMajorVersionUpgrade": is_major}
        for name, is_major in found
    ]


class Upgrades:
    def __init__(self, state: State) -> None:
        self._state = state

    def change(self, region: Region, thing: Database, given: Parameters) -> None:
        """What ModifyDBInstance or ModifyDBCluster asks for, if it asks for another version. Right after the call the
        instance is still `available`, for a moment even with nothing pending, as with a password.
        """
        state, wanted = self._state, given.get("EngineVersion")
        if wanted is None or wanted == thing.settings["EngineVersion"]:
            return
        known = targets(str(thing.settings["EngineVersion"]), state.newest_major)
        rules.refuse_upgrade(thing, given, known, state.behind.groups(region))
        thing.pending, thing.pending_from = {"EngineVersion": wanted}, state.seen_from()
        if not given.get("ApplyImmediately"):
            return  # in the next maintenance window, which no test waits for
        outcome = state.upgrades.popleft() if state.upgrades else PlannedOutcome()
        thing.upgrading_since = state.time.now()
        for part in _parts(thing):
            state.turn(part, state.pace.upgrade / 4, "available", UPGRADING)

        def end() -> None:
            thing.pending = {}
            if thing.status == UPGRADING:
                self._end(region, thing, given, outcome)

        state.after(state.pace.upgrade, end, outcome)

    def _end(
        self, region: Region, thing: Database, given: Parameters, outcome: PlannedOutcome
    ) -> None:
        refused = outcome.status == REFUSED
        said = outcome.event or (SAID if refused else "")
        if outcome.status == "available":
            for part in _parts(thing):
                part.settings["EngineVersion"] = given["EngineVersion"]
            thing.settings |= rules.groups_of_upgrade(thing, given)
            said = said or f"Upgraded to {given['EngineVersion']}"
        for part in _parts(thing):
            part.status = "available" if refused else outcome.status
            if refused and isinstance(part, Instance):
                part.logs |= FOUND
        self._state.tell(region, thing, said or f"The upgrade failed: {outcome.status}")


def _parts(thing: Database) -> list[Database]:
    return [thing, *thing.members] if isinstance(thing, Cluster) else [thing]


def is_busy(thing: Database, now: datetime, longest: timedelta) -> bool:
    """Whether it is being upgraded, so that nothing else can be done to it. One that is upgraded for ever can be deleted some
    time later (?).
    """
    since = thing.upgrading_since
    return thing.status == UPGRADING and since is not None and now - since <= 2 * longest
