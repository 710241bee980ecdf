"""What there is in all accounts and regions, and where the operations find it."""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restorecheck.simulated import rules
from restorecheck.simulated.behind import Behind, KmsPort, Time
from restorecheck.simulated.families import CLUSTERS, INSTANCES, Family
from restorecheck.simulated.pace import NEVER, Durations, PlannedOutcome, Quotas
from restorecheck.simulated.refusals import Refusal, no_snapshot
from restorecheck.simulated.things import (
    Cluster,
    Database,
    Description,
    Instance,
    Parameters,
    Region,
    Snapshot,
    Thing,
)
from restorecheck.simulated.unknowns import Unknowns


@dataclass(frozen=True, slots=True)
class Page:
    """A result that AWS gives out in pages; how long they are is the face's affair."""

    key: str
    items: list[Description]


Operation = Callable[[Region, Parameters, str], Description | Page]
"""Where, what is given, and who calls; raises `Refusal`."""


@dataclass(slots=True, kw_only=True)
class State:
    """Of one simulated RDS."""

    time: Time
    keys: KmsPort
    behind: Behind
    pace: Durations
    quotas: Quotas
    defaults: Description
    """Settings of an instance that is created without them."""
    cluster_version: str = "16.99"
    """The region's default: what a cluster gets that is restored without one (RestoreDBClusterFromSnapshot,
    EngineVersion).
    """
    unknowns: Unknowns = field(default_factory=Unknowns)
    early_once: bool = False
    """The first copy after a share is early, however late it is asked for: else how busy the machine is decides."""
    regions: dict[tuple[str, str], Region] = field(default_factory=dict)
    restores: deque[PlannedOutcome] = field(default_factory=deque)
    copies: deque[PlannedOutcome] = field(default_factory=deque)
    passwords: deque[PlannedOutcome] = field(default_factory=deque)
    upgrades: deque[PlannedOutcome] = field(default_factory=deque)
    newest_major: int = 99
    """Of PostgreSQL, that this RDS has."""
    members: deque[PlannedOutcome] = field(default_factory=deque)
    """Of instances that are created in a cluster."""

    def region(self, account_id: str, name: str) -> Region:
        key = (account_id, name)
        return self.regions.setdefault(key, Region(account_id=account_id, region=name))

    def sees(self, thing: Thing) -> bool:
        """Whether a list shows it."""
        return self.time.now() >= thing.visible_from

    def seen_from(self) -> datetime:
        return self.time.now() + self.pace.lasts(self.pace.visible)

    def tags_from(self) -> datetime:
        """Late tags come after the thing itself is seen."""
        late = 2 if self.unknowns.tags_late else 0
        return self.time.now() + late * self.pace.lasts(self.pace.visible)

    def tell(self, region: Region, thing: Database, message: str) -> None:
        region.tell(thing, message, self.time.now())

    def after(self, seconds: float, action: Callable[[], None], outcome: PlannedOutcome) -> None:
        """In as much of AWS's time, if the outcome says nothing else."""
        if outcome.takes == NEVER or outcome.slower == float("inf"):
            return
        usual = self.pace.lasts(seconds * outcome.slower)
        self.time.after(usual if outcome.takes is None else outcome.takes, action)

    def turn(self, thing: Database, seconds: float, *statuses: str) -> None:
        """From the first status to the next, and so on, unless something else becomes of it."""
        whole = timedelta(0)
        for before, after in itertools.pairwise(statuses):
            whole += self.pace.lasts(seconds)
            self.time.after(whole, _change(thing, before, after))

    def instance(self, region: Region, name: str) -> Instance:
        return rules.owner_in(region.instances, name)

    def cluster(self, region: Region, name: str) -> Cluster:
        return rules.owner_in(region.clusters, name, CLUSTERS)

    def owner(self, region: Region, name: str, family: Family) -> Database:
        return rules.owner_in(region.owners_of(family), name, family)

    def own_snapshot(self, region: Region, name: str, family: Family = INSTANCES) -> Snapshot:
        return rules.own_snapshot_in(region, name, family)

    def find_snapshot(self, region: Region, name: str, family: Family = INSTANCES) -> Snapshot:
        """An own one by name or ARN; a foreign one by its ARN, if it is shared by now."""
        if not rules.is_arn(name):
            return self.own_snapshot(region, name, family)
        _, _, _, place, account_id, _, own = name.split(":", 6)
        home = self.regions.get((account_id, place))
        snapshot = home.snapshots_of(family).get(own.lower()) if home else None
        if snapshot is None or f":{family.snapshot_arn}:" not in name:
            raise no_snapshot(name, family)
        if account_id != region.account_id:
            self._refuse_early(region, snapshot, name)
        return snapshot

    def _refuse_early(self, region: Region, snapshot: Snapshot, name: str) -> None:
        early = self.early_once and region.account_id not in snapshot.asked_by
        snapshot.asked_by.add(region.account_id)
        if snapshot.usable_by(region.account_id, self.time.now()) and not early:
            return
        if region.account_id in snapshot.shared:
            code = self.unknowns.early.code(snapshot.family)
            raise Refusal(code, f"{snapshot.family.snapshot} {name} is not there for you (yet).")
        raise no_snapshot(name, snapshot.family)


def _change(thing: Database, before: str, after: str) -> Callable[[], None]:
    def change() -> None:
        if thing.status == before:
            thing.status = after

    return change
