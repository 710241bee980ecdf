"""The runbook of one target, as a script for a POSIX shell: every explanation is a comment."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.model import Verdict
from restorecheck.report.document import Report
from restorecheck.report.terminal import clean
from restorecheck.runbook.shell import Shell
from restorecheck.spelling import duration, minute_of, size


@dataclass(frozen=True, slots=True)
class RunbookStep:
    title: str
    commands: tuple[str, ...] = ()
    """Lines of the shell."""
    about: tuple[str, ...] = ()
    """Sentences before the commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The newest verified backup of a target, and what its drills measured."""

    target: str
    report: Report
    """Of the drill that verified it."""
    reports: Sequence[Report] = ()
    """The last verified drills, this one included."""

    @property
    def identifier(self) -> str:
        return self.report.backup.identifier if self.report.backup else ""

    @property
    def databases(self) -> tuple[str, ...]:
        """As the built-in checks were asked of them."""
        named = next((c.database for c in self.report.checks if c.database), "")
        return tuple(name.strip() for name in named.split(",") if name.strip())

    @property
    def major(self) -> str:
        """Major version of the server that the backup was restored into; empty: not known."""
        backup = self.report.backup
        version = self.report.restore.server_version or (backup.server_version if backup else "")
        return version.partition(".")[0]


def script(proven: Proven, steps: Sequence[RunbookStep], shell: Shell, now: datetime) -> str:
    """The whole runbook. It does nothing until a person runs its commands."""
    lines = ["#!/bin/sh", *_comments(_head(proven, now)), "set -eu"]
    if shell.variables:
        names = " ".join(sorted(shell.variables))
        lines += _comments([f"Set these variables first, as for restorecheck: {names}"])
    for number, step in enumerate(steps, 1):
        lines += ["", *_comments([f"{number}. {step.title}", *step.about]), *step.commands]
    return "\n".join(lines) + "\n"


def _comments(sentences: Iterable[str]) -> Iterator[str]:
    """A comment stays one line, whatever a name contains."""
    return (f"# {clean(sentence)}".rstrip() for sentence in sentences)


def _head(proven: Proven, now: datetime) -> Iterator[str]:
    report, backup = proven.report, proven.report.backup
    yield f"Bring back {proven.target}. Printed by restorecheck at {minute_of(now)}; nothing was done."
    yield "Read each step before you run it. Run them one after the other, or the whole as a script."
    yield ""
    yield f"The newest verified backup: {proven.identifier}"
    known = "Verified" if report.verdict is Verdict.VERIFIED else "Restored and checked"
    yield f"{known} {minute_of(report.finished_at)} by drill {report.drill_id}"
    if backup is not None and backup.taken_at is not None:
        yield f"Data until {minute_of(backup.taken_at)}; later changes are not in it"
    if backup is not None and backup.recovered is not None and backup.recovered.newest_commit:
        yield f"With the WAL archive of that drill: until {minute_of(backup.recovered.newest_commit)}"
    if backup is not None and backup.size_bytes is not None:
        yield f"Size of the backup: {size(backup.size_bytes)}"
    if report.restore.restored_bytes is not None:
        yield f"Size of the restored databases: {size(report.restore.restored_bytes)}"
    yield from _times(proven)
    if report.contact:
        yield f"Call: {report.contact}"


def _times(proven: Proven) -> Iterator[str]:
    count = len(proven.reports)
    if not count:
        return
    many = f"in the last {count} verified drills" if count > 1 else "in the last verified drill"
    yield f"Time of each step {many}, on the server of the drills:"
    for step in proven.report.steps:
        found = [s.seconds for r in proven.reports for s in r.steps if s.name == step.name]
        low, high = duration(min(found)), duration(max(found))
        yield f"  {step.name}: {low if low == high else f'{low} to {high}'}"


MOST_COMPARED = 5
_REGULAR = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", re.ASCII)
"""Names that mean the same in SQL and in a connection string; others come from the backup, and may mean anything."""


def database(name: str, shell: Shell) -> str:
    """A value of psql's --dbname that is never taken for a connection string."""
    if _REGULAR.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return shell.quote(f"dbname='{escaped}'")


def compare(proven: Proven, shell: Shell) -> RunbookStep:
    """Row counts beside those of the verified drill, of the largest tables."""
    rows: dict[str, float] = {}
    for check in proven.report.checks:
        if check.kind == "tables_countable":
            rows = dict(check.measured)
    most = list(rows.items())[:MOST_COMPARED]
    if len(proven.databases) != 1:
        said = [f"rows in the verified drill: {table} {number:,.0f}" for table, number in most]
        return RunbookStep("Compare with the verified drill", about=tuple(said))
    begin = f"psql -X -d {database(proven.databases[0], shell)} -Atc"
    commands = tuple(
        f"{begin} 'select count(*) from {table}'  # verified: {number:,.0f}"  # noqa: S608  # only regular names
        for table, number in most
        if _REGULAR.fullmatch(table)
    )
    about = ("The numbers of the verified drill are beside the commands.",) if commands else ()
    return RunbookStep("Compare with the verified drill", commands, about)
