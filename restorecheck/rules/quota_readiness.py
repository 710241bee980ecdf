"""The rules of `doctor` about what AWS allows at most: quotas, copies in progress, capacity. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from restorecheck.rules.facts import Capacity, Quotas, RdsDatabase
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at
from restorecheck.rules.look import Look
from restorecheck.spelling import number_of

SOME_MORE = 10
MIN_ACU, MAX_ACU = "restore.serverless_v2.min_acu", "restore.serverless_v2.max_acu"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """The need of a drill for one quota."""

    rule: str
    key: str
    name: str
    room: int
    code: str
    in_source: bool = False


INSTANCES = _Room(rule="RC409", key="DBInstances", name="DB instances", room=1, code="L-7B6409FD")
SNAPSHOTS = _Room(
    rule="RC410", key="ManualSnapshots", name="manual snapshots", room=1, code="L-272F1212"
)
STAGING = replace(SNAPSHOTS, rule="RC412", room=2, in_source=True)
"""The newest staging copy is kept while the next one is made."""
STORAGE = _Room(
    rule="RC411", key="AllocatedStorage", name="gigabytes of storage", room=0, code="L-7ADDB58A"
)
CLUSTERS = _Room(rule="RC415", key="DBClusters", name="DB clusters", room=1, code="L-952B80B8")
CLUSTER_SNAPSHOTS = _Room(
    rule="RC410",
    key="ManualClusterSnapshots",
    name="manual cluster snapshots",
    room=1,
    code="L-9B510759",
)
CLUSTER_STAGING = replace(CLUSTER_SNAPSHOTS, rule="RC412", in_source=True)
"""Aurora keeps no staging copy."""
COPIES_AT_ONCE = {False: 20, True: 5}
"""By whether it is Aurora: RDS User Guide, "Copying a DB snapshot"; Aurora User Guide, "Copying a DB cluster
snapshot". They are no quota that can be raised.
"""


@dataclass(frozen=True, slots=True)
class QuotaLook(Look):
    def quotas(self) -> Iterator[Finding]:
        """Of the backup account."""
        facts, names = self.facts, self.facts.names
        yield self.read("RC409", facts.backup_quotas, lambda q: self._quota(INSTANCES, q))
        if names.aurora:
            yield self.read("RC415", facts.backup_quotas, lambda q: self._quota(CLUSTERS, q))
        if not names.direct:
            yield self.read("RC410", facts.backup_quotas, self._copies)
            yield self.read("RC416", facts.copying_there, self._copying)
        production = facts.production
        if isinstance(production, RdsDatabase) and not names.aurora:
            storage = replace(STORAGE, room=production.storage_gib)
            yield self.read("RC411", facts.backup_quotas, lambda q: self._quota(storage, q))

    def staging_quotas(self) -> Iterator[Finding]:
        """Of the source account."""
        facts = self.facts
        staging = CLUSTER_STAGING if facts.names.aurora else STAGING
        yield self.read("RC412", facts.source_quotas, lambda q: self._quota(staging, q))
        yield self.read("RC416", facts.copying_here, self._copying)

    def _copying(self, copies: int) -> Finding:
        most = COPIES_AT_ONCE[self.facts.names.aurora]
        said = f"{copies} of at most {most} snapshot copies are in progress"
        if copies < most:
            return self.ok("RC416", said)
        wait = RuleAdvice(AdvicePlace.PATIENCE, "<for a copy that is in progress>")
        return self.problem("RC416", said, wait)

    def capacity(self) -> Iterator[Finding]:
        """Aurora Serverless v2 only."""
        if self.facts.capacity is not None and isinstance(self.facts.production, RdsDatabase):
            yield self.read("RC414", self.facts.offered, self._capacity)

    def _capacity(self, offered: Capacity | None) -> Finding:
        facts = self.facts
        assert isinstance(facts.production, RdsDatabase), "looked at before"
        assert facts.capacity is not None, "looked at before"
        least, most = facts.capacity
        version = f"Aurora PostgreSQL {facts.production.version}"
        if offered is None:
            said = f"{version} is not available in {facts.names.backup_region}"
            return self.problem(
                "RC414", said, self.set("backup.region", "<a region with this version>")
            )
        if most > offered.most:
            said = f"{version} has at most {offered.most:g} ACU; max_acu is {most:g}"
            return self.problem("RC414", said, self.set(MAX_ACU, offered.most))
        if least < offered.least:
            said = f"{version} has at least {offered.least:g} ACU; min_acu is {least:g}"
            return self.problem("RC414", said, self.set(MIN_ACU, offered.least))
        return self.ok("RC414", f"{version} allows {least:g} to {most:g} ACU")

    def _copies(self, quotas: Quotas) -> Finding:
        """Whether the quota allows the next copy and all kept copies of all targets."""
        planned = self.facts.copies_planned
        wanted = CLUSTER_SNAPSHOTS if self.facts.names.aurora else SNAPSHOTS
        quota = quotas.get(wanted.key)
        if quota is None or planned <= quota.most or quota.used >= quota.most:
            return self._quota(wanted, quotas)
        ask = ("service-quotas", "request-service-quota-increase", "--service-code", "rds")
        more = ("--quota-code", wanted.code, "--desired-value", str(planned + SOME_MORE))
        said = (
            f"the targets of this account keep {number_of(planned, 'copy', 'copies')}, including the next one; "
            f"the quota allows {quota.most} {wanted.name}"
        )
        return self.problem("RC410", said, self.in_backup(*ask, *more))

    def _quota(self, wanted: "_Room", quotas: Quotas) -> Finding:
        quota = quotas.get(wanted.key)
        if quota is None:
            needs = f"the quota {wanted.key}, which AWS did not return"
            return not_looked_at(wanted.rule, self.resource, needs)
        shown = f"{quota.used} of {quota.most} {wanted.name} are in use"
        if quota.used + wanted.room <= quota.most:
            return self.ok(wanted.rule, shown)
        ask = ("service-quotas", "request-service-quota-increase", "--service-code", "rds")
        most = str(max(quota.most, quota.used + wanted.room) + SOME_MORE)
        aws = self.in_source if wanted.in_source else self.in_backup
        advice = aws(*ask, "--quota-code", wanted.code, "--desired-value", most)
        return self.problem(wanted.rule, f"{shown}; {wanted.room} more are needed", advice)
