"""The rules of `doctor` about AWS: may tonight's drill of a target of RDS or Aurora succeed?"""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.rules import advised, permissions
from restorecheck.rules.facts import (
    Caller,
    KmsKey,
    Opening,
    RdsDatabase,
    RdsFacts,
    SecurityGroup,
    Simulated,
    Simulation,
    SubnetGroup,
    Unread,
)
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at
from restorecheck.rules.permissions import READING, key_requests
from restorecheck.rules.policies import Decision, Request, evaluate, listed, names_of
from restorecheck.rules.quota_readiness import QuotaLook
from restorecheck.spelling import first_of, number_of

WEEK = 7
READ_ALL_MAJOR = 14
"""The first version of PostgreSQL with pg_read_all_data."""
EXTERNAL_ID = "<external id>"
FEWEST_ADDRESSES = 1
ZONES = 2
OWNED_BY_AWS = "sse-rds"
MAGNETIC = "standard"
"""A storage type that is always restored as another type."""


def judge(facts: RdsFacts, now: datetime) -> Iterator[Finding]:
    look = _Look(facts)
    yield look.caller()
    if not isinstance(facts.caller, Caller):
        return
    yield from look.backup_account()
    yield look.entering()
    if isinstance(facts.source_caller, Caller):
        yield from look.source_account(now)


def _rights_of(role: str, major: str) -> str:
    """Rights that the checker's role needs in production; doctor reads no database, so the first drill shows whether it has them."""
    every = major.isdigit() and int(major) < READ_ALL_MAJOR
    grant = "SELECT on all tables of every schema" if every else "pg_read_all_data"
    return (
        f"the checker logs in as {role}: the role needs {grant}, and a policy on tables with "
        "row security"
    )


@dataclass(frozen=True, slots=True)
class _Look(QuotaLook):
    # --- identities --------------------------------------------------------------------------

    def caller(self) -> Finding:
        caller = self.facts.caller
        if isinstance(caller, Caller):
            return self.ok("RC201", f"the credentials belong to {caller.arn}")
        if isinstance(caller, Unread):
            return not_looked_at("RC201", self.resource, caller.needs, caller.because)
        profile = f"export AWS_PROFILE=<profile of account {self.facts.names.backup_account}>"
        return self.problem("RC201", caller.because, RuleAdvice(AdvicePlace.HERE, profile))

    def entering(self) -> Finding:
        caller = self.facts.source_caller
        names = self.facts.names
        if isinstance(caller, Caller):
            return self.ok(
                "RC202", f"restorecheck can assume {names.role} in account {names.source_account}"
            )
        if isinstance(caller, Unread):
            return not_looked_at("RC202", self.resource, caller.needs, caller.because)
        return self.problem("RC202", caller.because, self._trust(create=True))

    def _trust(self, *, create: bool) -> RuleAdvice:
        """Sets the policy on an existing role, or creates the role with it."""
        names = self.facts.names
        policy = json.dumps(advised.trust_policy(names, EXTERNAL_ID))
        update = ("iam", "update-assume-role-policy", "--role-name", names.role)
        made = ("iam", "create-role", "--role-name", names.role)
        updating = self.in_source(*update, "--policy-document", policy)
        if not create:
            return updating
        making = self.in_source(*made, "--assume-role-policy-document", policy)
        return RuleAdvice(AdvicePlace.SOURCE, f"{updating.line} || {making.line}")

    def trust(self) -> Finding:
        return self.read("RC203", self.facts.trust, lambda policy: self._trusted(dict(policy)))

    def _trusted(self, policy: dict[str, object]) -> Finding:
        backup = self.facts.names.backup_account
        allowing = [s for s in listed(policy.get("Statement")) if s.get("Effect") == "Allow"]
        flaws = []
        for statement in allowing:
            principal = statement.get("Principal", {})
            everybody = principal if isinstance(principal, str) else principal.get("AWS", [])
            who = [str(name) for name in listed(everybody)]
            foreign = [n for n in who if n != backup and f":{backup}:" not in n]
            flaws += [f"the role also trusts {name}" for name in foreign]
            asked = json.dumps(statement.get("Condition", {})).lower()
            if "sts:externalid" not in asked:
                flaws.append("the role does not require an external id")
        if flaws:
            said = "; ".join(dict.fromkeys(flaws))
            return self.problem("RC203", said, self._trust(create=False))
        return self.ok(
            "RC203", "the role requires the external id and trusts only the backup account"
        )

    # --- production --------------------------------------------------------------------------

    def source_account(self, now: datetime) -> Iterator[Finding]:
        facts = self.facts
        yield self.trust()
        yield self.read("RC210", facts.production, self._production)
        if isinstance(facts.production, RdsDatabase):
            yield self._retention(facts.production)
            if facts.production.retention_days or isinstance(facts.newest_snapshot, datetime):
                yield self.read(
                    "RC212", facts.newest_snapshot, lambda taken: self._newest(taken, now)
                )
            yield from self._keys()
        yield from self.staging_quotas()
        yield from self.rights("RC501", "RC502", facts.source_rights, self._source_policy())

    def _production(self, found: RdsDatabase | None) -> Finding:
        names = self.facts.names
        what, key = ("DB cluster", "db_cluster_identifier")
        if not names.aurora:
            what, key = ("DB instance", "db_instance_identifier")
        if found is None:
            said = f"the {what} {names.instance} does not exist in {names.region}"
            return self.problem("RC210", said, self.set(key, "<its identifier>"))
        engine = "Aurora PostgreSQL" if names.aurora else "PostgreSQL"
        refused = self.facts.refused
        if not refused and found.engine != names.engine:
            refused = f"{names.instance} runs {found.engine}; a drill needs {engine}"
        if refused:
            other = self.set(key, f"<a PostgreSQL {what.removeprefix('DB ')}>")
            return self.problem("RC210", refused, other)
        told = f"{names.instance} runs {engine} {found.version}"
        return self.ok(
            "RC210", f"{told}; {_rights_of(names.iam_user or found.master, found.major)}"
        )

    def _retention(self, found: RdsDatabase) -> Finding:
        if found.retention_days:
            return self.ok(
                "RC211", f"automated backups are kept for {number_of(found.retention_days, 'day')}"
            )
        if isinstance(self.facts.newest_snapshot, datetime):
            said = "automated backups are off, without point-in-time recovery; AWS Backup takes snapshots"
            return self.ok("RC211", said)
        kind = "cluster" if self.facts.names.aurora else "instance"
        command = ("rds", f"modify-db-{kind}", f"--db-{kind}-identifier", found.identifier)
        advice = self.in_source(
            *command, "--backup-retention-period", str(WEEK), "--apply-immediately"
        )
        return self.problem("RC211", "automated backups are off", advice)

    def _newest(self, taken: datetime | None, now: datetime) -> Finding:
        wait = RuleAdvice(AdvicePlace.PATIENCE, "<for the next backup window>")
        if taken is None:
            return self.problem(
                "RC212", "there is no automated snapshot and no snapshot of AWS Backup yet", wait
            )
        hours = (now - taken) / timedelta(hours=1)
        shown = f"the newest snapshot is {hours:.1f} hours old"
        if now - taken <= self.facts.max_age:
            return self.ok("RC212", shown)
        limit = self.facts.max_age / timedelta(hours=1)
        return self.problem("RC212", f"{shown}; max_age_hours is {limit:g}", wait)

    # --- keys --------------------------------------------------------------------------------

    def _keys(self) -> Iterator[Finding]:
        facts = self.facts
        key = facts.snapshot_key
        if facts.names.aurora and key is None:
            yield self._plain_cluster()
        elif facts.names.transit_key:
            yield self.ok("RC301", "the staging copies are encrypted with the transit key")
        else:
            yield self.read("RC301", key, self._shareable)
        if facts.names.transit_key:
            yield self.read("RC302", facts.transit_key, self._transit)
            if isinstance(facts.transit_key, KmsKey) and facts.transit_key.has_own_policy:
                yield self._admitted(facts.transit_key)
        elif isinstance(key, KmsKey) and key.manager != "AWS":
            yield self._enabled("RC302", key, self.in_source)
            if key.usable:
                yield self._admitted(key)

    def _plain_cluster(self) -> Finding:
        """As the step `find` has it: RDS API, CopyDBClusterSnapshot, KmsKeyId."""
        production = self.facts.production
        assert isinstance(production, RdsDatabase), "looked at before"
        if self.facts.names.direct:
            return self.ok("RC301", "the snapshots can be shared, and are restored without a copy")
        if production.encryption == OWNED_BY_AWS:
            needs = (
                "a drill: AWS does not document whether such a snapshot can be copied with a key"
            )
            because = "the DB cluster is encrypted with a key that AWS owns"
            return not_looked_at("RC301", self.resource, needs, because)
        said = "the DB cluster is not encrypted, and RDS does not encrypt a copy of its snapshots"
        return self.problem("RC301", said, self.set("from", "shared"))

    def _shareable(self, key: KmsKey | None) -> Finding:
        if key is None:
            return self.ok("RC301", "the snapshots are not encrypted, so they can be shared")
        if key.manager != "AWS":
            return self.ok("RC301", "the snapshots use a customer managed key")
        said = "the snapshots use the default key aws/rds, and no transit key is configured"
        return self.problem("RC301", said, *self._new_transit_key())

    def _new_transit_key(self) -> tuple[RuleAdvice, ...]:
        names = self.facts.names
        policy = advised.admitting(
            advised.administering(names.source_account, names.partition), names, ()
        )
        words = shlex.join(("aws", "kms", "create-key", "--policy", json.dumps(policy)))
        query = f"--region {names.region} --query KeyMetadata.Arn --output text"
        return (
            RuleAdvice(AdvicePlace.SOURCE, f"KEY=$({words} {query})"),
            self.set("source.transit_kms_key_id", "$KEY"),
        )

    def _transit(self, key: KmsKey | None) -> Finding:
        if key is None:
            said = "the key does not exist in the source account and region"
            return self.problem("RC302", said, *self._new_transit_key())
        if key.manager == "AWS":
            said = "the key is managed by AWS and cannot be shared"
            return self.problem("RC302", said, *self._new_transit_key())
        return self._enabled("RC302", key, self.in_source)

    def _enabled(self, rule: str, key: KmsKey, aws: Callable[..., RuleAdvice]) -> Finding:
        if key.usable:
            return self.ok(rule, f"{key.arn} is enabled")
        enable = aws("kms", "enable-key", "--key-id", key.identifier)
        if key.state != "PendingDeletion":
            return self.problem(rule, f"{key.arn} is {key.state}", enable)
        cancel = aws("kms", "cancel-key-deletion", "--key-id", key.identifier)
        return self.problem(rule, f"{key.arn} is pending deletion", cancel, enable)

    def _admitted(self, key: KmsKey) -> Finding:
        if isinstance(key.policy, Unread):
            return not_looked_at("RC303", self.resource, key.policy.needs, key.policy.because)
        names = self.facts.names
        requests = tuple(
            request
            for region in names.regions
            for request in key_requests(key.arn, region, READING)
        )
        policy = advised.admitting(key.policy, names, requests)
        return self._policy_of("RC303", key, requests, policy, self.in_source)

    def _policy_of(
        self,
        rule: str,
        key: KmsKey,
        requests: tuple[Request, ...],
        wanted: dict[str, object],
        aws: Callable[..., RuleAdvice],
    ) -> Finding:
        caller = self.facts.caller
        assert isinstance(caller, Caller), "looked at before"
        assert not isinstance(key.policy, Unread), "looked at before"
        names = self.facts.names
        who = names_of(names.backup_account, caller.arn, names.partition)
        answers = [(r.action, evaluate([key.policy], r, who)) for r in requests]
        refused = {Decision.DENIED, Decision.NOT_ALLOWED}
        missing = [*dict.fromkeys(a for a, answer in answers if answer in refused)]
        unclear = [*dict.fromkeys(a for a, answer in answers if answer is Decision.UNCLEAR)]
        if missing:
            said = f"the policy of {key.arn} does not allow the backup account {', '.join(missing)}"
            put = ("kms", "put-key-policy", "--key-id", key.identifier, "--policy-name", "default")
            return self.problem(rule, said, aws(*put, "--policy", json.dumps(wanted)))
        if unclear:
            needs = "a person who reads the conditions of the key policy"
            return not_looked_at(rule, self.resource, needs, ", ".join(unclear))
        return self.ok(rule, f"the policy of {key.arn} allows the backup account")

    def _backup_key(self, key: KmsKey | None) -> Finding:
        if key is None or key.manager == "AWS":
            said = "the key does not exist" if key is None else "the key is managed by AWS"
            query = "--query KeyMetadata.Arn --output text"
            make = f"KEY=$(aws kms create-key --region {self.facts.names.backup_region} {query})"
            said = f"{said}: use a customer managed key of the backup account"
            return self.problem(
                "RC304",
                said,
                RuleAdvice(AdvicePlace.BACKUP, make),
                self.set("backup.kms_key_id", "$KEY"),
            )
        return self._enabled("RC304", key, self.in_backup)

    def _own_policy(self, key: KmsKey) -> Finding:
        if isinstance(key.policy, Unread):
            return not_looked_at("RC305", self.resource, key.policy.needs, key.policy.because)
        names = self.facts.names
        actions = ("kms:DescribeKey", "kms:CreateGrant", *permissions.KEY_USE)
        requests = key_requests(key.arn, names.backup_region, actions)
        wanted = advised.administering(names.backup_account, names.partition)
        return self._policy_of("RC305", key, requests, wanted, self.in_backup)

    # --- the place of restores -----------------------------------------------------------------

    def backup_account(self) -> Iterator[Finding]:
        facts = self.facts
        yield self.read("RC304", facts.backup_key, self._backup_key)
        if isinstance(facts.backup_key, KmsKey) and facts.backup_key.has_own_policy:
            yield self._own_policy(facts.backup_key)
        yield from self._network()
        if facts.names.parameter_group:
            yield self.read("RC408", facts.parameter_family, self._family)
        if isinstance(facts.production, RdsDatabase):
            yield self.read("RC413", facts.orderable, self._orderable)
        yield from self.capacity()
        yield from self.quotas()
        yield from self.rights("RC503", "RC504", facts.backup_rights, *self._backup_policy())

    def _network(self) -> Iterator[Finding]:
        facts = self.facts
        group = facts.subnet_group
        yield self.read("RC401", group, self._subnet_group)
        if isinstance(group, SubnetGroup):
            yield self._zones(group)
            yield self._addresses(group)
        yield self.read("RC404", facts.security_groups, self._groups)
        if not isinstance(facts.security_groups, Unread) and facts.security_groups:
            yield self._egress(facts.security_groups)
            yield self._ingress(facts.security_groups)
            yield self._open(facts.security_groups)

    def _subnet_group(self, group: SubnetGroup | None) -> Finding:
        name = self.facts.names.subnet_group
        if group is not None:
            return self.ok("RC401", f"{name} exists")
        create = ("rds", "create-db-subnet-group", "--db-subnet-group-name", name)
        described = ("--db-subnet-group-description", "restorecheck: private, two zones")
        advice = self.in_backup(*create, *described, "--subnet-ids", *self._two_subnets())
        return self.problem("RC401", f"the DB subnet group {name} does not exist", advice)

    def _two_subnets(self, network: str = "", besides: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Subnets in two zones of one network, those in use first."""
        others = self.facts.other_subnets
        known = () if isinstance(others, Unread) else others
        for candidate in dict.fromkeys([network] if network else [s.network for s in known]):
            zones: dict[str, str] = {}
            for subnet in sorted(known, key=lambda s: s.identifier not in besides):
                if subnet.network == candidate and subnet.free >= FEWEST_ADDRESSES:
                    zones.setdefault(subnet.zone, subnet.identifier)
            if len(zones) >= ZONES:
                return tuple([*zones.values()][:ZONES])
        return ("<private subnet>", "<private subnet in another zone>")

    def _zones(self, group: SubnetGroup) -> Finding:
        zones = sorted({subnet.zone for subnet in group.subnets})
        if len(zones) >= ZONES:
            return self.ok("RC402", f"{group.name} covers {', '.join(zones)}")
        own = tuple(subnet.identifier for subnet in group.subnets)
        modify = ("rds", "modify-db-subnet-group", "--db-subnet-group-name", group.name)
        wanted = self._two_subnets(group.network, own)
        advice = self.in_backup(*modify, "--subnet-ids", *wanted)
        said = f"{group.name} covers only {', '.join(zones) or 'no zone'}"
        return self.problem("RC402", said, advice)

    def _addresses(self, group: SubnetGroup) -> Finding:
        full = [s.identifier for s in group.subnets if s.free < FEWEST_ADDRESSES]
        if not full:
            free = sum(subnet.free for subnet in group.subnets)
            return self.ok("RC403", f"{free} addresses are free")
        said = f"{', '.join(full)} has no free address"
        advice = RuleAdvice(AdvicePlace.BACKUP, "<free addresses, or add subnets to the group>")
        return self.problem("RC403", said, advice)

    def _groups(self, groups: tuple[SecurityGroup, ...]) -> Finding:
        wanted = set(self.facts.names.security_groups)
        missing = sorted(wanted - {group.identifier for group in groups})
        place = self.facts.subnet_group
        network = place.network if isinstance(place, SubnetGroup) else ""
        strangers = [g.identifier for g in groups if network and g.network != network]
        if not missing and not strangers:
            return self.ok("RC404", f"{', '.join(sorted(wanted))} exist")
        said = [f"{name} does not exist" for name in missing]
        said += [f"{name} is in another VPC than the subnet group" for name in strangers]
        create = (
            "aws",
            "ec2",
            "create-security-group",
            "--group-name",
            f"restorecheck-instead-of-{[*missing, *strangers][0]}",
        )
        described = (
            "--description",
            "restored by restorecheck",
            "--vpc-id",
            network or "<network>",
        )
        words = shlex.join((*create, *described))
        query = f"--region {self.facts.names.backup_region} --query GroupId --output text"
        return self.problem(
            "RC404",
            "; ".join(said),
            RuleAdvice(AdvicePlace.BACKUP, f"GROUP=$({words} {query})"),
            self.set("restore.vpc_security_group_ids", ["$GROUP"]),
        )

    def _egress(self, groups: tuple[SecurityGroup, ...]) -> Finding:
        return self._worldly("RC405", "out to", "egress", groups, [g.egress for g in groups])

    def _open(self, groups: tuple[SecurityGroup, ...]) -> Finding:
        return self._worldly("RC407", "in from", "ingress", groups, [g.ingress for g in groups])

    def _worldly(
        self,
        rule: str,
        way: str,
        side: str,
        groups: tuple[SecurityGroup, ...],
        openings: list[tuple[Opening, ...]],
    ) -> Finding:
        advice = []
        for group, rules in zip(groups, openings, strict=True):
            worldly = [_permission(opening) for opening in rules if opening.is_world]
            if worldly:
                revoke = ("ec2", f"revoke-security-group-{side}", "--group-id", group.identifier)
                advice.append(self.in_backup(*revoke, "--ip-permissions", json.dumps(worldly)))
        if not advice:
            return self.ok(rule, f"no rule for traffic {way} the internet")
        return self.problem(rule, f"a rule allows all traffic {way} the internet", *advice)

    def _ingress(self, groups: tuple[SecurityGroup, ...]) -> Finding:
        production = self.facts.production
        port = production.port if isinstance(production, RdsDatabase) else POSTGRES
        places = [o.place for g in groups for o in g.ingress if o.covers(port)]
        if places:
            return self.ok("RC406", f"{', '.join(sorted(set(places)))} may connect to {port}")
        place = self.facts.subnet_group
        ranges = [s.addresses for s in place.subnets] if isinstance(place, SubnetGroup) else []
        wanted = [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": one}]}
            for one in ranges or ["<range of the checker>"]
        ]
        allow = ("ec2", "authorize-security-group-ingress", "--group-id", groups[0].identifier)
        advice = self.in_backup(*allow, "--ip-permissions", json.dumps(wanted))
        return self.problem("RC406", f"no rule allows connections to port {port}", advice)

    def _family(self, family: str | None) -> Finding:
        names = self.facts.names
        name, production = names.parameter_group, self.facts.production
        kind = "db-cluster-parameter-group" if names.aurora else "db-parameter-group"
        called = "DB cluster parameter group" if names.aurora else "DB parameter group"
        major = production.major if isinstance(production, RdsDatabase) else ""
        wanted = f"{names.engine}{major}"
        if family is not None and (not major or family == wanted):
            return self.ok("RC408", f"{name} has the family {family}")
        create = ("rds", f"create-{kind}", f"--{kind}-name")
        described = ("--description", "restored by restorecheck")
        if family is None:
            family_or = wanted if major else f"<{names.engine} and the major version>"
            made = (*create, name, "--db-parameter-group-family", family_or, *described)
            return self.problem(
                "RC408", f"the {called} {name} does not exist", self.in_backup(*made)
            )
        other = f"{name}-{major}"
        made = (*create, other, "--db-parameter-group-family", wanted, *described)
        return self.problem(
            "RC408",
            f"{name} has the family {family}; production needs {wanted}",
            self.in_backup(*made),
            self.set(f"restore.{kind.replace('-', '_')}_name", other),
        )

    def _orderable(self, found: frozenset[str]) -> Finding:
        facts = self.facts
        assert isinstance(facts.production, RdsDatabase), "read before"
        what = f"{facts.instance_class} with PostgreSQL {facts.production.version}"
        if not found:
            said = f"RDS does not offer {what} in {facts.names.backup_region}"
            other = self.set("restore.db_instance_class", "<a class that RDS offers>")
            return self.problem("RC413", said, other)
        storage = facts.production.storage_type
        if storage and storage not in found and storage != MAGNETIC:
            said = f"RDS does not offer {what} on {storage}; the restore uses another storage type"
            return self.ok("RC413", said)
        return self.ok("RC413", f"RDS offers {what}")

    # --- permissions ---------------------------------------------------------------------------

    def _source_policy(self) -> RuleAdvice:
        names = self.facts.names
        put = ("iam", "put-role-policy", "--role-name", names.role)
        policy = json.dumps(advised.source_policy(names))
        return self.in_source(
            *put, "--policy-name", advised.policy_name(names), "--policy-document", policy
        )

    def _backup_policy(self) -> tuple[RuleAdvice, ...]:
        """For a role as an inline policy, for a user through groups."""
        caller = self.facts.caller
        assert isinstance(caller, Caller), "looked at before"
        kind, *path = caller.arn.rpartition(":")[2].split("/")
        policy = advised.backup_policy(self.facts.names)
        if kind != "user":
            # The ARN of a session has the role's name without its path, and the session's after it.
            role = ("--role-name", path[0] if kind == "assumed-role" else path[-1])
            return (self._put("role", role, policy),)
        lines = []
        own = advised.policy_name(self.facts.names)
        for name, part in advised.of_groups(policy, own).items():
            group = ("--group-name", name)
            making = self.in_backup("iam", "create-group", *group)
            made = self.in_backup("iam", "get-group", *group)
            lines += [
                RuleAdvice(AdvicePlace.BACKUP, f"{made.line} || {making.line}"),
                self._put("group", group, part),
                self.in_backup("iam", "add-user-to-group", *group, "--user-name", path[-1]),
            ]
        return tuple(lines)

    def _put(self, kind: str, whose: tuple[str, str], policy: advised.Policy) -> RuleAdvice:
        own = advised.policy_name(self.facts.names)
        named = ("--policy-name", own, "--policy-document", json.dumps(policy))
        return self.in_backup("iam", f"put-{kind}-policy", *whose, *named)

    def rights(
        self, needed: str, forbidden: str, simulation: Simulation, *advice: RuleAdvice
    ) -> Iterator[Finding]:
        if isinstance(simulation, Unread):
            for rule in (needed, forbidden):
                yield not_looked_at(rule, self.resource, simulation.needs, simulation.because)
            return
        if any(simulated.answer is Decision.UNCLEAR for simulated in simulation):
            for rule in (needed, forbidden):
                yield not_looked_at(
                    rule, self.resource, "definite answers from IAM's policy simulator"
                )
            return
        missing = _wrong(simulation, allowed=True)
        yield (
            self.problem(needed, f"IAM does not allow {first_of(missing, MOST_ACTIONS)}", *advice)
            if missing
            else self.ok(needed, "IAM allows all calls of a drill")
        )
        excess = _wrong(simulation, allowed=False)
        yield (
            self.problem(forbidden, f"IAM allows {first_of(excess, MOST_ACTIONS)}", *advice)
            if excess
            else self.ok(forbidden, "IAM denies the calls that no drill makes")
        )


POSTGRES = 5432
MOST_ACTIONS = 6


def _wrong(simulation: tuple[Simulated, ...], *, allowed: bool) -> list[str]:
    """Unexpected answers, as `action on resource`."""
    return [
        f"{simulated.action} on {simulated.resource}"
        for simulated in simulation
        if simulated.wanted is allowed and (simulated.answer is Decision.ALLOWED) is not allowed
    ]


def _permission(opening: Opening) -> dict[str, object]:
    """The rule in the form of the EC2 API."""
    range_of = (
        {"Ipv6Ranges": [{"CidrIpv6": opening.place}]}
        if ":" in opening.place
        else {"IpRanges": [{"CidrIp": opening.place}]}
    )
    ports = {} if opening.protocol == "-1" else {"FromPort": opening.first, "ToPort": opening.last}
    return {"IpProtocol": opening.protocol, **ports, **range_of}
