"""The rules of `audit`: what would an accident, a mistake or a thief take away?"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.rules.facts import AccountFacts, DatabaseFacts, Principal, TargetFacts, Unread
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem
from restorecheck.spelling import first_of, number_of

DELETING = {
    "instance": ("rds:DeleteDBInstance", "rds:DeleteDBSnapshot"),
    "cluster": ("rds:DeleteDBCluster", "rds:DeleteDBClusterSnapshot"),
}
"""Of an instance and of a cluster: what deletes it, and what deletes its snapshots."""
KEY_ENDING = ("kms:DisableKey", "kms:ScheduleKeyDeletion")
A_WEEK = 7
COPYING = timedelta(days=1)
MOST_NAMED = 5

NO_TARGET = "no target of the configuration copies this database out of the account"


def judge(facts: AccountFacts, now: datetime) -> Iterator[Finding]:
    if isinstance(facts.databases, Unread):
        resource = f"account {facts.account_id} ({facts.region})"
        for rule in ("RC601", "RC602", "RC603", "RC701"):
            yield not_looked_at(rule, resource, facts.databases.needs, facts.databases.because)
        return
    for database in facts.databases:
        yield from _Exposure(facts, database, now).judged()


@dataclass(frozen=True, slots=True)
class _Exposure:
    """One database."""

    account: AccountFacts
    facts: DatabaseFacts
    now: datetime

    def judged(self) -> Iterator[Finding]:
        yield self.protection()
        yield self.retention()
        if self.facts.database.retention_days:
            yield self.week()
        yield self.survival()
        yield self.address()
        yield from self.not_backups()
        yield from self.copies()
        yield from self.keys()
        yield from self.shares()
        yield from self.principals()

    # --- saying ----------------------------------------------------------------------------------

    @property
    def resource(self) -> str:
        return self.facts.database.arn

    def ok(self, rule: str, found: str) -> Finding:
        return ok(rule, self.resource, found)

    def problem(self, rule: str, found: str, *advice: RuleAdvice) -> Finding:
        return problem(rule, self.resource, found, *advice)

    def unread(self, rule: str, unread: Unread) -> Finding:
        return not_looked_at(rule, self.resource, unread.needs, unread.because)

    def aws(self, *words: str) -> RuleAdvice:
        line = f"{shlex.join(('aws', *words))} --region {self.account.region}"
        return RuleAdvice(AdvicePlace.SOURCE, line)

    def modify(self, *options: str) -> RuleAdvice:
        database = self.facts.database
        word = "cluster" if database.kind == "cluster" else "instance"
        named = (f"--db-{word}-identifier", database.identifier)
        return self.aws("rds", f"modify-db-{word}", *named, *options, "--apply-immediately")

    # --- the database ------------------------------------------------------------------------------

    def protection(self) -> Finding:
        if self.facts.database.deletion_protection:
            return self.ok("RC601", "deletion protection is on")
        said = "deletion protection is off: one call can delete the database"
        return self.problem("RC601", said, self.modify("--deletion-protection"))

    def retention(self) -> Finding:
        days = self.facts.database.retention_days
        if days:
            return self.ok("RC602", f"automated backups are kept for {number_of(days, 'day')}")
        return self.problem(
            "RC602", "automated backups are off", self.modify("--backup-retention-period", "7")
        )

    def week(self) -> Finding:
        days = self.facts.database.retention_days
        if days >= A_WEEK:
            return self.ok("RC604", f"automated backups are kept for {number_of(days, 'day')}")
        said = f"automated backups are kept for only {number_of(days, 'day')}"
        return self.problem("RC604", said, self.modify("--backup-retention-period", "7"))

    def address(self) -> Finding:
        if not self.facts.database.public:
            return self.ok("RC605", "the database has no public address")
        if self.facts.database.kind == "instance":
            said = "the database has a public address"
            return self.problem("RC605", said, self.modify("--no-publicly-accessible"))
        said = "the cluster or one of its instances can be reached from the internet"
        private = "<make every instance of the cluster private: --no-publicly-accessible>"
        return self.problem("RC605", said, RuleAdvice(AdvicePlace.SOURCE, private))

    def not_backups(self) -> Iterator[Finding]:
        """What Aurora has besides backups. It goes, or is changed, with the cluster."""
        database, target = self.facts.database, self.facts.target
        copies = target.copies if target else ()
        tail = "and copies are outside of the account" if copies else "and no copy is elsewhere"
        advice = RuleAdvice(AdvicePlace.CONFIGURATION, f"<add an aurora target for {self._name}>")
        said = {}
        if database.backtrack:
            hours = database.backtrack / timedelta(hours=1)
            said["RC606"] = f"the cluster can be rewound by {hours:g} hours"
        if database.global_database:
            said["RC607"] = f"the cluster is in the global database {database.global_database}"
        for rule, found in said.items():
            if isinstance(copies, Unread):
                yield self.unread(rule, copies)
            elif copies:
                yield self.ok(rule, f"{found}, {tail}")
            else:
                yield self.problem(rule, f"{found}, {tail}", advice)

    def survival(self) -> Finding:
        """A staging copy of ours counts as little as the automated ones: it is replaced nightly."""
        facts = self.facts
        outside = facts.target.copies if facts.target else ()
        for fact in (facts.snapshots, facts.replicated, outside):
            if isinstance(fact, Unread):
                return self.unread("RC603", fact)
        assert not isinstance(facts.snapshots, Unread), "looked at above"
        assert not isinstance(outside, Unread), "looked at above"
        lasting = [s for s in facts.snapshots if s.kind != "automated" and not _is_staging(s.arn)]
        if outside:
            said = number_of(len(outside), "copy", "copies")
            return self.ok("RC603", f"{said} outside the account")
        if lasting or facts.replicated:
            where = (
                "automated backups replicated to another region"
                if facts.replicated
                else ("manual snapshots or snapshots of AWS Backup")
            )
            return self.ok("RC603", f"some backups survive a deletion: {where}")
        said = "there are only automated backups, and by default they are deleted with the database"
        take = self._take_snapshot()
        return self.problem("RC603", said, take)

    def _take_snapshot(self) -> RuleAdvice:
        database = self.facts.database
        word = "cluster-" if database.kind == "cluster" else ""
        kind = "cluster" if word else "instance"
        return self.aws(
            "rds",
            f"create-db-{word}snapshot",
            f"--db-{kind}-identifier",
            database.identifier,
            f"--db-{word}snapshot-identifier",
            f"{database.identifier}-by-hand",
        )

    # --- copies ------------------------------------------------------------------------------------

    def copies(self) -> Iterator[Finding]:
        target = self.facts.target
        if target is None:
            said = NO_TARGET
            key = "aurora" if self.facts.database.kind == "cluster" else "rds"
            advice = RuleAdvice(
                AdvicePlace.CONFIGURATION, f"<add an {key} target for {self._name}>"
            )
            if key == "aurora" and self.facts.database.engine != "aurora-postgresql":
                said += (
                    f" (this version of restorecheck does not drill {self.facts.database.engine})"
                )
            yield self.problem("RC701", said, advice)
            return
        if isinstance(target.copies, Unread):
            for rule in ("RC701", "RC702", "RC703", "RC704"):
                yield self.unread(rule, target.copies)
            return
        if target.direct and not target.copies:
            said = f"the target {target.target} restores shared snapshots and keeps no copy"
            yield self.problem("RC701", said, self._set(target, "from", "copy"))
        elif not target.copies:
            said = f"the target {target.target} has no copy in the backup account yet"
            yield self.problem("RC701", said, self._drill(target))
        else:
            said = number_of(len(target.copies), "copy", "copies")
            yield self.ok("RC701", f"{said} in the backup account")
            yield self._young(target)
            yield self._foreign_keys(target)
        yield self._proven(target)

    @property
    def _name(self) -> str:
        return self.facts.database.identifier

    def _set(self, target: TargetFacts, key: str, value: str) -> RuleAdvice:
        place = f"targets.{target.target}.{target.key}.{key}"
        return RuleAdvice(AdvicePlace.CONFIGURATION, f'set {place} = "{value}"')

    def _drill(self, target: TargetFacts) -> RuleAdvice:
        return RuleAdvice(AdvicePlace.HERE, f"restorecheck drill {target.target}")

    def _young(self, target: TargetFacts) -> Finding:
        assert not isinstance(target.copies, Unread), "looked at before"
        newest = max((c.taken_at for c in target.copies if c.taken_at), default=None)
        if newest is None:
            return self.problem("RC702", "the age of the copies is unknown", self._drill(target))
        shown = f"the newest copy is from {newest:%Y-%m-%d %H:%M} UTC, {_hours(self.now - newest)}"
        if self.now - newest <= target.max_age + COPYING:
            return self.ok("RC702", shown)
        return self.problem("RC702", shown, self._drill(target))

    def _proven(self, target: TargetFacts) -> Finding:
        assert not isinstance(target.copies, Unread), "looked at before"
        moments = [c.taken_at for c in target.copies if c.verified and c.taken_at]
        moments += [target.proven_at] if target.proven_at else []
        if not moments:
            return self.problem("RC703", "no copy was ever verified", self._drill(target))
        newest = max(moments)
        shown = f"the newest verified backup is from {newest:%Y-%m-%d %H:%M} UTC, "
        shown += _hours(self.now - newest)
        if self.now - newest <= target.max_proof_age + target.max_age:
            return self.ok("RC703", shown)
        return self.problem("RC703", shown, self._drill(target))

    def _foreign_keys(self, target: TargetFacts) -> Finding:
        assert not isinstance(target.copies, Unread), "looked at before"
        account = f":{self.account.account_id}:"
        hanging = sorted({c.kms_key_id for c in target.copies if account in c.kms_key_id})
        if hanging:
            said = f"copies are encrypted with a key of the source account: {', '.join(hanging)}"
            advice = self._set(target, "backup.kms_key_id", "<key of the backup account>")
            return self.problem("RC704", said, advice)
        return self.ok("RC704", "no copy uses a key of the source account")

    # --- keys ----------------------------------------------------------------------------------------

    def keys(self) -> Iterator[Finding]:
        keys = self.facts.keys
        if isinstance(keys, Unread):
            yield self.unread("RC705", keys)
            return
        bad = [key for key in keys if not key.usable]
        if not bad:
            yield self.ok(
                "RC705", f"{number_of(len(keys), 'key')} enabled" if keys else "not encrypted"
            )
            return
        advice = []
        for key in bad:
            if key.state == "PendingDeletion":
                advice.append(self.aws("kms", "cancel-key-deletion", "--key-id", key.identifier))
            advice.append(self.aws("kms", "enable-key", "--key-id", key.identifier))
        said = ", ".join(f"the key {key.arn} is {key.state}" for key in bad)
        yield self.problem("RC705", said, *advice)

    # --- shares --------------------------------------------------------------------------------------

    def shares(self) -> Iterator[Finding]:
        snapshots = self.facts.snapshots
        if isinstance(snapshots, Unread):
            yield self.unread("RC706", snapshots)
            yield self.unread("RC707", snapshots)
            return
        unread = [s.shared_with for s in snapshots if isinstance(s.shared_with, Unread)]
        if unread:
            yield self.unread("RC706", unread[0])
            yield self.unread("RC707", unread[0])
            return
        public, foreign = [], []
        for snapshot in snapshots:
            assert not isinstance(snapshot.shared_with, Unread), "looked at above"
            if "all" in snapshot.shared_with:
                public.append((snapshot.arn, "all"))
            strangers = snapshot.shared_with - self.account.known_accounts - {"all"}
            foreign += [(snapshot.arn, stranger) for stranger in sorted(strangers)]
        yield self._shared("RC706", "public", public, "no snapshot is public")
        yield self._shared(
            "RC707",
            "shared",
            foreign,
            "no snapshot is shared with an account outside the configuration",
        )

    def _shared(self, rule: str, word: str, shares: list[tuple[str, str]], fine: str) -> Finding:
        if not shares:
            return self.ok(rule, fine)
        named = [f"{_name(arn)} with {who}" if who != "all" else _name(arn) for arn, who in shares]
        said = f"{word}: {first_of(named, MOST_NAMED)}"
        return self.problem(
            rule, said, *(self._unshare(arn, who) for arn, who in shares[:MOST_NAMED])
        )

    def _unshare(self, arn: str, who: str) -> RuleAdvice:
        word = "cluster-" if self.facts.database.kind == "cluster" else ""
        named = (f"--db-{word}snapshot-identifier", _name(arn), "--attribute-name", "restore")
        return self.aws(
            "rds", f"modify-db-{word}snapshot-attribute", *named, "--values-to-remove", who
        )

    # --- principals ----------------------------------------------------------------------------------

    def principals(self) -> Iterator[Finding]:
        found = self.facts.principals
        if isinstance(found, Unread):
            yield self.unread("RC801", found)
            if self.facts.database.kms_key_id:
                yield self.unread("RC802", found)
            return
        both = set(DELETING[self.facts.database.kind])
        deleting = [p for p in found if both <= p.may]
        fine = f"none of {len(found)} users and roles can delete both"
        yield self._able("RC801", deleting, "can delete the database and its snapshots", fine)
        if self.facts.database.kms_key_id:
            ending = [p for p in found if p.may & set(KEY_ENDING)]
            fine = f"none of {len(found)} users and roles can, according to their IAM policies"
            yield self._able("RC802", ending, "can make the KMS key unusable", fine)

    def _able(self, rule: str, principals: list[Principal], what: str, fine: str) -> Finding:
        if not principals:
            return self.ok(rule, fine)
        names = [principal.arn.split(":", 5)[5] for principal in principals]
        said = f"{first_of(names, MOST_NAMED)} {what}"
        advice = RuleAdvice(
            AdvicePlace.SOURCE, "<attach infra/guardrails: an SCP, or a permissions boundary>"
        )
        return self.problem(rule, said, advice)


def _is_staging(arn: str) -> bool:
    return _name(arn).startswith("restorecheck-")


def _name(arn: str) -> str:
    return arn.split(":", 6)[6]


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.1f} hours old"
