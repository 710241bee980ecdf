"""`status` and `history`: queries of the history. Only `history prune`, `accept` and `note` change it."""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.checks.scan_result import unpack
from restorecheck.config import Config
from restorecheck.errors import ConfigError, NotFoundError, Problem, StoreError
from restorecheck.history import Acceptance, Entry
from restorecheck.hosts.cli import history_evidence, history_notes, history_verify
from restorecheck.hosts.cli.opened_history import asked_for, opened, proofs_of
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill.discovering import gone_notes
from restorecheck.hosts.drill.standings import notes_of, statuses_of
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.process.console import use_color
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.process.leases import locks_of
from restorecheck.model import Verdict
from restorecheck.report import document, wording
from restorecheck.report.status import (
    Nagios,
    nagios_unknown,
    render_json,
    render_nagios,
    render_text,
)
from restorecheck.report.terminal import clean
from restorecheck.spelling import number_of
from restorecheck.sql.agenda import Agenda, Skip
from restorecheck.sql.store import SqlStore

if TYPE_CHECKING:
    from restorecheck.aws.deployment.stores import AwsStore

NEWEST = 30
"""Drills that `history` lists by default."""
ACTIONS = ("verify", "export", "prune", "accept", "note", "evidence")
_AGE = re.compile(r"(\d{1,6})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


# --- status -----------------------------------------------------------------------------------


def status_for_nagios(load: Callable[[], Config], arguments: argparse.Namespace) -> int:
    """A plugin exits with 3 (UNKNOWN) if it cannot read the history; 2 would mean a bad backup."""
    try:
        config = load()
    except ConfigError as exc:
        return _say_nagios(nagios_unknown(str(exc.problems[0])))
    return status(config, arguments)


def status(config: Config, arguments: argparse.Namespace) -> int:
    now = SystemClock().now()
    try:
        with opened(config) as store:
            statuses = statuses_of(config, store, locks_of(Path(config.history.path)), now)
            notes = (*notes_of(store, now), *gone_notes(config, now))
    except StoreError as exc:
        if not arguments.nagios:
            raise
        return _say_nagios(nagios_unknown(exc.message))
    if arguments.nagios:
        return _say_nagios(render_nagios(statuses, now))
    if arguments.json:
        print(json.dumps(render_json(statuses, now, notes), indent=2))
    else:
        print(render_text(statuses, now, notes, color=use_color(sys.stdout)), end="")
    return Exit.FAILED if any(s.alarming for s in statuses) else Exit.VERIFIED


def _say_nagios(answer: tuple[str, Nagios]) -> int:
    line, state = answer
    print(line)
    return state


# --- history ----------------------------------------------------------------------------------


def history(config: Config, arguments: argparse.Namespace) -> int:
    action, target = _words(arguments.words)
    if action == "verify":
        return history_verify.verify(config, arguments)
    if action == "prune":
        return _prune(config, arguments)
    if action == "accept":
        return _accept(config, target, arguments)
    if action == "evidence":
        return history_evidence.evidence(config, arguments)
    if action == "note":
        return history_notes.note(config, target, arguments)
    since = _since(arguments.since, SystemClock().now())
    if action == "export":
        return _export(config, target, since, arguments)
    return _list(config, target, since, arguments)


def _words(words: Sequence[str]) -> tuple[str, str | None]:
    action = words[0] if words and words[0] in ACTIONS else ""
    rest = list(words[1:] if action else words)
    if len(rest) > 1 or (rest and action in {"verify", "prune", "evidence"}):
        message = (
            f"unexpected word {rest[-1]!r}; expected: [{' | '.join(ACTIONS)}] [TARGET | DRILL]"
        )
        raise ConfigError((Problem(message=message),))
    return action, rest[0] if rest else None


def _since(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if match := _AGE.fullmatch(text):
        with contextlib.suppress(OverflowError):
            return now - int(match[1]) * _UNITS[match[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"--since: expected an age (36h, 30d, 8w) or a date (2026-02-01), found {text!r}"
        raise ConfigError((Problem(message=message),)) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list(
    config: Config, target: str | None, since: datetime | None, arguments: argparse.Namespace
) -> int:
    with asked_for(config, arguments) as store:
        newest = None if since else NEWEST
        entries = store.entries(target=target, since=since, newest=newest)
        begin = since or (entries[0].started_at if entries else None)
        skips = _skips(store, target, begin)
        if not entries and not skips:
            _refuse_unknown(config, store, target)
            what = f"of {clean(target)} " if target else ""
            place = store.database.place if isinstance(store, SqlStore) else arguments.table
            print(f"no drill {what}in {clean(place)}", file=sys.stderr)
            return Exit.VERIFIED
        lines = [
            *((e.finished_at, e.sequence, _drill_row(store, e)) for e in entries),
            *((s.due_at, 0, _skip_row(s)) for s in skips),
        ]
    rows = [row for _, _, row in sorted(lines, key=lambda line: line[:2])]
    if arguments.json:
        for row in rows:
            print(json.dumps(row))
    else:
        width = max(len(str(row["target"])) for row in rows)
        for row in rows:
            print(_line(row, width))
    return Exit.VERIFIED


def _refuse_unknown(config: Config, store: "SqlStore | AwsStore", name: str | None) -> None:
    """Raises ConfigError for a name that is neither in the configuration nor in the history."""
    known = _known_targets(config, store)
    if name is not None and name not in known:
        where = "in the configuration or the history"
        problem = unknown_target(name, known, where, words=ACTIONS)
        raise ConfigError((problem,))


def _known_targets(config: Config, store: "SqlStore | AwsStore") -> list[str]:
    """Targets of the configuration, then those that only the history still has."""
    past = sorted({entry.target for entry in store.entries()})
    return list(dict.fromkeys([*(target.name for target in config.targets), *past]))


def _skips(
    store: "SqlStore | AwsStore", target: str | None, since: datetime | None
) -> Sequence[Skip]:
    """Skipped slots. None in AWS: there EventBridge has the schedule, and its metrics show missed ones."""
    if not isinstance(store, SqlStore):
        return ()
    return Agenda(store.database).skips(target=target, since=since)


def _drill_row(store: "SqlStore | AwsStore", entry: Entry) -> dict[str, object]:
    try:
        report = json.loads(store.report(entry.drill_id))
    except NotFoundError:
        report = {"reason": "(retention removed the report)"}
    return {
        "at": entry.finished_at.isoformat(timespec="seconds"),
        "target": entry.target,
        "verdict": entry.verdict.value,
        "drill_id": entry.drill_id,
        "scheduled_for": entry.scheduled_for.isoformat() if entry.scheduled_for else None,
        "left_behind": entry.left_behind,
        "reason": report["reason"],
        "seconds": (entry.finished_at - entry.started_at).total_seconds(),
        "sequence": entry.sequence,
        "sha256": entry.sha256,
    }


def _skip_row(skip: Skip) -> dict[str, object]:
    return {
        "at": skip.due_at.isoformat(timespec="seconds"),
        "target": skip.target,
        "verdict": None,
        "scheduled_for": skip.due_at.isoformat(),
        "reason": skip.reason,
    }


def _line(row: dict[str, object], width: int) -> str:
    at = datetime.fromisoformat(str(row["at"])).astimezone(UTC)
    verdict = str(row["verdict"] or "no drill")
    marked = verdict if row["verdict"] == Verdict.VERIFIED.value else verdict.upper()
    left = "  LEFT BEHIND" if row.get("left_behind") else ""
    identifier = row.get("drill_id", "")
    target = clean(str(row["target"]))
    return (
        f"{at:%Y-%m-%d %H:%M}  {target:<{width}}  {marked:<12}  {identifier:<22}  "
        f"{clean(str(row['reason']))}{left}"
    )


def _export(
    config: Config, target: str | None, since: datetime | None, arguments: argparse.Namespace
) -> int:
    with asked_for(config, arguments) as store:
        _refuse_unknown(config, store, target)
        _write_stored(store, target, since, arguments.output)
    return Exit.VERIFIED


def _write_stored(
    store: "SqlStore | AwsStore", target: str | None, since: datetime | None, output: str | None
) -> None:
    written: list[int] = []
    with writing(output) as stream:
        for report in store.stored(target=target, since=since):
            written.append(report.entry.sequence)
            stream.write(f"{report.text or history_verify.pruned_line(report.entry)}\n")
    signatures = proofs_of(store).signatures()
    if output and signatures:
        with writing(output + history_verify.SIGNATURES) as stream:
            for sequence in sorted(signatures.keys() & written):
                line = history_verify.signature_line(sequence, signatures[sequence])
                stream.write(f"{line}\n")


def _prune(config: Config, arguments: argparse.Namespace) -> int:
    days = arguments.older_than or config.history.keep_days
    if days is None:
        message = "the age is missing: set history.keep_days, or give --older-than DAYS"
        raise ConfigError((Problem(message=message),))
    if arguments.table or arguments.bucket:
        message = "the template of an AWS deployment sets how long its reports are kept"
        raise ConfigError((Problem(message=message),))
    now = SystemClock().now()
    with opened(config) as store:
        pruned = store.prune(now - timedelta(days=days), now)
    print(f"{number_of(pruned, 'report')} older than {number_of(days, 'day')} reduced to one line")
    return Exit.VERIFIED


def _accept(config: Config, what: str | None, arguments: argparse.Namespace) -> int:
    """Accept what failed in a drill: later drills are compared with it."""
    if what is None or not (arguments.why or "").strip():
        message = (
            "expected: history accept DRILL|TARGET --why REASON; later reports show the reason"
        )
        raise ConfigError((Problem(message=message),))
    with asked_for(config, arguments) as store:
        entry = _acceptable(store, _drill_to_accept(config, store, what))
        acceptance = Acceptance(
            target=entry.target,
            drill_id=entry.drill_id,
            sequence=entry.sequence,
            at=SystemClock().now(),
            by=history_notes.author(arguments),
            why=arguments.why.strip(),
        )
        store.accept(acceptance)
        history_notes.of_acceptance(config, store, acceptance)
    print(f"{clean(entry.target)}: later drills are compared with drill {entry.drill_id}")
    return Exit.VERIFIED


def _drill_to_accept(config: Config, store: "SqlStore | AwsStore", what: str) -> Entry:
    """The drill of this id; for a target its newest drill, if that one has something to accept.

    Raises:
        ConfigError: There is none, or the target's newest drill has nothing to accept.
    """
    of_id = [entry for entry in store.entries() if entry.drill_id == what]
    if of_id:
        return of_id[0]
    newest = store.entries(target=what, newest=1)
    if not newest:
        known = _known_targets(config, store)
        if what in known:
            message = f"the target {what!r} has no finished drill"
            raise ConfigError((Problem(message=message),))
        raise ConfigError((unknown_target(what, known, "and no finished drill with this id"),))
    (entry,) = newest
    if entry.verdict is not Verdict.VERIFIED and not _asks_for_acceptance(store, entry):
        message = (
            f"the newest drill of {what!r} cannot be accepted by the name of its target: the drill is inconclusive, or "
            "a check failed that does not compare with an earlier drill"
        )
        hint = (
            f"`restorecheck report {what}` says what to do. To compare later drills with it "
            f"nevertheless: `restorecheck history accept {entry.drill_id} --why REASON`."
        )
        raise ConfigError((Problem(message=message),), hint=hint)
    return entry


def _asks_for_acceptance(store: "SqlStore | AwsStore", entry: Entry) -> bool:
    try:
        return wording.acceptable(document.parse(store.report(entry.drill_id)))
    except (NotFoundError, ValueError):
        return False  # retention removed the text, or a newer version wrote it


def _acceptable(store: "SqlStore | AwsStore", entry: Entry) -> Entry:
    """The entry itself, if later drills can be compared with its drill.

    Raises:
        ConfigError: This drill or a later one is verified and has nothing to accept, or this drill
            did not read every table.
    """
    proven = store.standing(entry.target).proven
    is_it = proven is not None and proven.sequence == entry.sequence
    settles = is_it and bool(wording.unsettled(document.parse(store.report(entry.drill_id))))
    if proven is not None and proven.sequence >= entry.sequence and not settles:
        message = f"drill {proven.drill_id} is verified: later drills are compared with it already"
        raise ConfigError((Problem(message=message),))
    readings = unpack(store.load(entry.drill_id).readings)
    if not readings or not all(reading.done for reading in readings.values()):
        message = f"drill {entry.drill_id} did not read every table: later drills cannot be compared with it"
        raise ConfigError((Problem(message=message),))
    return entry
