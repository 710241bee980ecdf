"""What there is in all accounts and regions, and where the operations find it."""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restorecheck.simulated import rules
from restorecheck.simulated.behind import Behind, KmsPort, Time
from restorecheck.simulated.pace import NEVER, Durations, PlannedOutcome, Quotas
from restorecheck.simulated.refusals import Refusal, no_snapshot
from restorecheck.simulated.things import Description, Instance, Parameters, Region, Snapshot
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
    unknowns: Unknowns = field(default_factory=Unknowns)
    regions: dict[tuple[str, str], Region] = field(default_factory=dict)
    restores: deque[PlannedOutcome] = field(default_factory=deque)
    copies: deque[PlannedOutcome] = field(default_factory=deque)
    passwords: deque[PlannedOutcome] = field(default_factory=deque)

    def region(self, account_id: str, name: str) -> Region:
        key = (account_id, name)
        return self.regions.setdefault(key, Region(account_id=account_id, region=name))

    def sees(self, thing: Instance | Snapshot) -> bool:
        """Whether somebody who lists things finds it."""
        return self.time.now() >= thing.visible_from

    def seen_from(self) -> datetime:
        return self.time.now() + self.pace.lasts(self.pace.visible)

    def tags_from(self) -> datetime:
        """Late tags come after the thing itself is seen."""
        late = 2 if self.unknowns.tags_late else 0
        return self.time.now() + late * self.pace.lasts(self.pace.visible)

    def tell(self, region: Region, instance: str, message: str) -> None:
        region.tell(instance, message, self.time.now())

    def after(self, seconds: float, action: Callable[[], None], outcome: PlannedOutcome) -> None:
        """In as much of AWS's time, if the outcome says nothing else."""
        if outcome.takes == NEVER or outcome.slower == float("inf"):
            return
        usual = self.pace.lasts(seconds * outcome.slower)
        self.time.after(usual if outcome.takes is None else outcome.takes, action)

    def turn(self, instance: Instance, seconds: float, *statuses: str) -> None:
        """From the first status to the next, and so on, unless something else becomes of it."""
        whole = timedelta(0)
        for before, after in itertools.pairwise(statuses):
            whole += self.pace.lasts(seconds)
            self.time.after(whole, _change(instance, before, after))

    def instance(self, region: Region, name: str) -> Instance:
        return rules.instance_in(region.instances, name)

    def own_snapshot(self, region: Region, name: str) -> Snapshot:
        return rules.own_snapshot_in(region.snapshots, region.account_id, name)

    def find_snapshot(self, region: Region, name: str) -> Snapshot:
        """An own one by name or ARN; a foreign one by its ARN, if it is shared by now."""
        if not rules.is_arn(name):
            return self.own_snapshot(region, name)
        _, _, _, place, account_id, _, own = name.split(":", 6)
        home = self.regions.get((account_id, place))
        snapshot = home.snapshots.get(own.lower()) if home else None
        if snapshot is None:
            raise no_snapshot(name)
        if account_id != region.account_id:
            self._refuse_early(region, snapshot, name)
        return snapshot

    def _refuse_early(self, region: Region, snapshot: Snapshot, name: str) -> None:
        if snapshot.usable_by(region.account_id, self.time.now()):
            return
        if region.account_id in snapshot.shared:
            raise Refusal(self.unknowns.early, f"DBSnapshot {name} is not there for you (yet).")
        raise no_snapshot(name)


def _change(instance: Instance, before: str, after: str) -> Callable[[], None]:
    def change() -> None:
        if instance.status == before:
            instance.status = after

    return change
