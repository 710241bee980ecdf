"""Rehearses an upgrade: the temporary instance or cluster is upgraded to its next major version, after the verdict.

RDS API, ModifyDBInstance and ModifyDBCluster; Amazon RDS User Guide, "How to perform a major version upgrade for RDS
for PostgreSQL": RDS first checks the databases, and a refused upgrade leaves the old version. What was never seen on
real AWS is marked (?).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import SnapshotSettings, UpgradeSettings
from restorecheck.aws.session.translation import attempting, is_throttled
from restorecheck.aws.session.views import InstanceView, StatusMeaning
from restorecheck.aws.snapshots.instances import (
    DB_INSTANCE,
    RestoredKind,
    RestoredView,
    endpoint_of,
    name_of,
    own,
)
from restorecheck.checks.registry import has_plan, is_asked_of_upgrade
from restorecheck.checks.rehearsals import failed_upgrade, unclear_upgrade
from restorecheck.errors import InvalidStateError, ProviderError, TransientError
from restorecheck.lifecycle import Rehearsing
from restorecheck.model import CheckSpec, Drill, Rehearsal, Upgrade

QUICK = frozenset({"server_answers", "indexes_valid", "collations_current"})
"""Kinds of built-in checks that an upgraded database is asked."""
UNSEEN_LOOKS = 7
"""Consecutive looks at an available database of the old version; then the upgrade was refused, and no event says why. A
request is seen late.
"""
REFUSED = ("cannot be upgraded", "checks failed", "precheck failed")
"""Words of the events of a refused upgrade (?); DescribeEvents returns no event ids."""
LOGS = ("pg_upgrade_internal", "pg_upgrade_precheck")
"""Names of the logs of a refused upgrade contain one of them, with a time stamp behind it. Amazon RDS User Guide names the
second one; users of RDS for PostgreSQL 13 to 16 found the first one (?).
"""
DETAILS = ".txt"
"""Names of the lists of objects that stand in the way contain it (?)."""
LOG_LINES = 300
HOPELESS = frozenset({StatusMeaning.HOPELESS, StatusMeaning.BAD_BACKUP})
MOST_LINES, LONGEST_REASON = 12, 1000
"""Lines of a log, and characters of all of them, that are shown."""

_BEGINS = re.compile(r"fatal|could not be upgraded|\*failure\*", re.IGNORECASE)
_RULE = re.compile(r"[-=\s]*(end of log)?[-=\s]*", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


def begin(settings: UpgradeSettings, drill: Drill, now: datetime) -> Rehearsing:
    """Changes nothing."""
    assert drill.endpoint is not None, "only a verified drill is rehearsed"
    asked = tuple(spec for spec in drill.checks if _is_asked(spec))
    return Rehearsing(
        upgrade=Upgrade(
            until=now + settings.limit,
            asks=tuple(spec.name for spec in asked),
            queries=tuple(spec.name for spec in asked if has_plan(spec)),
            from_version=drill.endpoint.server_version,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrading:
    """The upgrade of one drill, under way."""

    settings: SnapshotSettings
    account: Account
    drill: Drill
    upgrade: Upgrade
    kind: RestoredKind[Any]
    now: datetime

    def go_on(self) -> Rehearsal | Rehearsing:
        """Safe to repeat.

        Raises:
            ProviderError: A call failed; or the database is not that of this drill any more.
        """
        try:
            if not self.upgrade.to_version:
                return self._choose()
            return self._request() if self.upgrade.requested_at is None else self._look()
        except TransientError as exc:
            if not is_throttled(exc):
                raise
            return self._wait("throttled by AWS")

    def _wait(self, detail: str, upgrade: Upgrade | None = None) -> Rehearsing:
        known = upgrade or self.upgrade
        return Rehearsing(upgrade=known, wait=self.settings.poll, detail=detail)

    def _choose(self) -> Rehearsal | Rehearsing:
        view = own(self.account, self.drill, self.kind)
        with attempting(f"list the versions to which {view.engine_version} is upgraded", view.arn):
            answer = self.account.rds().describe_db_engine_versions(
                Engine=view.engine, EngineVersion=view.engine_version, IncludeAll=True
            )
        targets: list[Any] = [
            target
            for version in answer["DBEngineVersions"]
            for target in version.get("ValidUpgradeTarget") or ()
        ]
        chosen = next_major(targets)
        if not chosen:
            why = f"AWS has no later major version for {view.engine} {view.engine_version}"
            return unclear_upgrade(self.upgrade, why)
        return Rehearsing(upgrade=replace(self.upgrade, to_version=chosen), detail=f"to {chosen}")

    def _request(self) -> Rehearsal | Rehearsing:
        view = own(self.account, self.drill, self.kind, now=True)
        upgrade, wanted = self.upgrade, self.settings.upgrade
        requested = replace(upgrade, requested_at=self.now)
        if "EngineVersion" in view.pending or view.status == "upgrading" or self._is_done(view):
            return Rehearsing(upgrade=requested, detail=view.status)  # by a process that died
        if not view.ready:
            return self._wait(view.status)
        assert wanted is not None, "configured"
        groups = self.kind.groups_for(view, upgrade.to_version, wanted.parameter_group)
        try:
            with attempting(f"upgrade {view.arn} to {upgrade.to_version}", view.arn):
                self.kind.modify(
                    self.account,
                    view,
                    EngineVersion=upgrade.to_version,
                    AllowMajorVersionUpgrade=True,
                    **groups,
                )
        except InvalidStateError as exc:
            return self._wait(exc.message)
        return self._wait("upgrade requested", requested)

    def _look(self) -> Rehearsal | Rehearsing:
        upgrade, before = self.upgrade, self.drill.endpoint
        assert upgrade.requested_at is not None, "requested before"
        assert before is not None, "restored before"
        view = own(self.account, self.drill, self.kind)
        things = (view, *_members(self.account, view))
        ended = replace(upgrade, seconds=(self.now - upgrade.requested_at).total_seconds())
        if all(self._is_done(thing) and thing.ready for thing in things):
            endpoint = endpoint_of(self.settings, view, secret=before.secret)
            return Rehearsing(upgrade=replace(ended, endpoint=endpoint), detail="upgraded")
        stuck = next((thing for thing in things if thing.progress in HOPELESS), None)
        if stuck is not None:
            return self._refused(ended, view, stuck.status)
        if not view.ready or view.engine_version != upgrade.from_version:
            return self._wait(view.status, replace(upgrade, looks=0))
        looks = upgrade.looks + 1
        if self._told(view) or looks > UNSEEN_LOOKS:
            return self._refused(ended, view, view.status)
        return self._wait(f"{view.status}, not upgraded yet", replace(upgrade, looks=looks))

    def _is_done(self, view: RestoredView) -> bool:
        return view.engine_version == self.upgrade.to_version

    def _told(self, view: RestoredView) -> str:
        """The event of the refusal. A temporary database has no other upgrade, so its time does not matter."""
        found = [
            event.message
            for event in self.kind.events(self.account).latest().get(view.identifier, ())
            if any(words in event.message.lower() for words in REFUSED)
        ]
        return found[-1] if found else ""

    def _refused(self, upgrade: Upgrade, view: RestoredView, status: str) -> Rehearsal:
        """failed: AWS says why these data cannot be upgraded. Without a reason it is not known."""
        said = [told] if (told := self._told(view)) else []
        try:
            said += _logged(self.account, name_of(self.drill, DB_INSTANCE))
        except ProviderError as exc:
            said += [exc.message] if said else []
        if said:
            shown = "; ".join(said[:MOST_LINES])[:LONGEST_REASON]
            return failed_upgrade(upgrade, f"AWS refused the upgrade: {shown}")
        why = (
            f"AWS did not upgrade it and gave no reason: its status is {status}, its version "
            f"{view.engine_version}"
        )
        return unclear_upgrade(upgrade, why)


def next_major(targets: Sequence[dict[str, Any]]) -> str:
    """The newest version of the lowest later major version; empty: there is none.

    Args:
        targets: `ValidUpgradeTarget` of DescribeDBEngineVersions.
    """
    versions = [_numbers(t["EngineVersion"]) for t in targets if t.get("IsMajorVersionUpgrade")]
    if not versions:
        return ""
    lowest = min(versions)[0]
    newest = max(version for version in versions if version[0] == lowest)
    return next(str(t["EngineVersion"]) for t in targets if _numbers(t["EngineVersion"]) == newest)


def reasons(log: str) -> list[str]:
    """Why an upgrade was refused, from its log; empty: the log does not say that it was."""
    lines = [" ".join(line.split()) for line in log.splitlines()]
    told = [line for line in lines if not _RULE.fullmatch(line)]
    first = next((n for n, line in enumerate(told) if _BEGINS.search(line)), len(told))
    return told[first:]


def _is_asked(spec: CheckSpec) -> bool:
    """An upgrade in place leaves the rows and their pages as they are: the built-in checks that read all of them have just
    passed.
    """
    return is_asked_of_upgrade(spec) and (not spec.built_in or spec.kind in QUICK)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(found) for found in _NUMBER.findall(version))


def _members(account: Account, view: RestoredView) -> list[InstanceView]:
    """Of a cluster, its instances. One that is not listed yet is left out."""
    if isinstance(view, InstanceView):
        return []
    known = account.instances.latest()
    return [known[name] for name in view.members if name in known]


def _logged(account: Account, name: str) -> Iterator[str]:
    """Names of databases, tables and columns may stand there, and no rows."""
    logs = [f for words in LOGS for f in _files(account, name, words)]
    newest = max(logs, key=lambda file: file.get("LastWritten", 0), default=None)
    told = reasons(_text(account, name, newest)) if newest else []
    yield from told
    if told:
        for details in _files(account, name, DETAILS)[-1:]:
            yield from (line.strip() for line in _text(account, name, details).splitlines())


def _files(account: Account, name: str, words: str) -> list[Any]:
    with attempting(f"list the logs of {name}", name):
        answer = account.rds().describe_db_log_files(
            DBInstanceIdentifier=name, FilenameContains=words
        )
    return sorted(answer["DescribeDBLogFiles"], key=lambda file: file.get("LastWritten", 0))


def _text(account: Account, name: str, file: Any) -> str:  # noqa: ANN401  # boto3's own
    with attempting(f"read the log {file['LogFileName']} of {name}", name):
        portion = account.rds().download_db_log_file_portion(
            DBInstanceIdentifier=name, LogFileName=file["LogFileName"], NumberOfLines=LOG_LINES
        )
    return portion.get("LogFileData") or ""
