"""`history evidence`: the pack for an auditor, in a new folder."""

import argparse
import contextlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from restorecheck import __version__
from restorecheck.config import Config, Target
from restorecheck.errors import ConfigError, Problem
from restorecheck.evidence import files as pack_files
from restorecheck.evidence import statements
from restorecheck.evidence.gaps import NO_REASON, Gap, Slot, gaps_of_days, gaps_of_slots
from restorecheck.evidence.notes import Note, NoteKind
from restorecheck.evidence.pack import Pack, Scoped, as_json, astray
from restorecheck.evidence.rows import DrillRow, row_of
from restorecheck.evidence.signatures import Opened, Signature, claimed_key
from restorecheck.history import Stored, sha256_of_bytes
from restorecheck.hosts.cli import history_notes, history_verify
from restorecheck.hosts.cli.keys import Judge, judge_of
from restorecheck.hosts.cli.opened_history import asked_for, proofs_of
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill.metrics_file import not_installed
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.hosts.process.atomic_files import OWNER_ONLY
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.rules.exposure import NO_TARGET
from restorecheck.schedule import EACH, Tier
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

    from restorecheck.aws.deployment.stores import AwsStore
    from restorecheck.signing.scribe import Scribe

DAY = timedelta(days=1)
COPIED = "RC701"
"""The rule of `audit` about the copies of each database; it names those without a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    since: datetime
    until: datetime
    """Not included."""
    targets: tuple[str, ...]

    def __contains__(self, row: object) -> bool:
        assert isinstance(row, DrillRow)
        chosen = not self.targets or row.target in self.targets
        return chosen and self.since <= row.finished_at < self.until


def evidence(config: Config, arguments: argparse.Namespace) -> int:
    period = _period(arguments)
    folder = _new_folder(arguments.output)
    page = _page_room()
    judge = judge_of(arguments)
    scribe = scribe_of(config, SystemClock())
    if judge is None and scribe is not None:
        judge = Judge([_public(scribe)], [])
    with asked_for(config, arguments) as store:
        _refuse_unknown(config, store, period.targets)
        if arguments.approved_by:
            history_notes.add(
                config,
                store,
                kind=NoteKind.APPROVAL,
                by=arguments.approved_by,
                why=(arguments.why or "").strip(),
                since=period.since,
                until=period.until,
                targets=period.targets,
            )
        pack, texts, signatures = _collected(config, store, period, judge, arguments)
    made = _files(pack, texts, signatures, page.render(pack))
    if arguments.pdf:
        made["evidence.pdf"] = _pdf(made["evidence.html"].decode())
    _write(folder, made, judge, scribe, pack)
    print(folder / "evidence.html")
    return Exit.FAILED if pack.flaws else Exit.VERIFIED


# --- what is asked for --------------------------------------------------------------------------


def _period(arguments: argparse.Namespace) -> _Period:
    if not (arguments.since_day and arguments.until_day and arguments.output):
        message = "expected: history evidence --from DATE --to DATE -o FOLDER"
        raise ConfigError((Problem(message=message),))
    since, until = _day("--from", arguments.since_day), _day("--to", arguments.until_day)
    if until < since:
        message = f"--to: {until} is before --from {since}"
        raise ConfigError((Problem(message=message),))
    if arguments.sample < 0:
        message = f"--sample: expected 0 or more, found {arguments.sample}"
        raise ConfigError((Problem(message=message),))
    return _Period(
        since=datetime(since.year, since.month, since.day, tzinfo=UTC),
        until=datetime(until.year, until.month, until.day, tzinfo=UTC) + DAY,
        targets=tuple(dict.fromkeys(arguments.target or ())),
    )


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{option}: expected a date such as 2026-02-01, found {text!r}"
        raise ConfigError((Problem(message=message),)) from None


def _new_folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        occupied = any(folder.iterdir())
    except OSError as exc:
        message = f"{folder} cannot be made: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc
    if occupied:
        message = f"{folder} is not empty: a pack has a folder of its own"
        raise ConfigError((Problem(message=message),))
    return folder


def _page_room() -> ModuleType:
    try:
        from restorecheck.evidence import page
    except ImportError as exc:
        raise not_installed("the page of an evidence pack", exc, "report") from exc
    return page


def _public(scribe: "Scribe") -> "SSlibKey":
    """The public half of the configured key: what a pack is verified with where no key is given."""
    key: SSlibKey = scribe.signer.public_key  # type: ignore[assignment]  # of all our signers
    return key


def _refuse_unknown(config: Config, store: "SqlStore | AwsStore", targets: Sequence[str]) -> None:
    known = {target.name for target in config.targets} | {e.target for e in store.entries()}
    for name in targets:
        if name not in known:
            where = "in the configuration or the history"
            raise ConfigError((unknown_target(name, sorted(known), where),))


# --- what is collected --------------------------------------------------------------------------


def _collected(
    config: Config,
    store: "SqlStore | AwsStore",
    period: _Period,
    judge: Judge | None,
    arguments: argparse.Namespace,
) -> tuple[Pack, dict[int, str], dict[int, Signature]]:
    now = SystemClock().now()
    seen = history_verify.Seen()
    proofs = proofs_of(store)
    seen.signatures, seen.notes = proofs.signatures(), proofs.notes()
    seen.note_signatures = proofs.note_signatures()
    opened = judge.all_of(seen.signatures) if judge else {}
    rows: list[DrillRow] = []
    texts: dict[int, str] = {}

    def each() -> Iterator[Stored]:
        for stored in store.stored():
            number = stored.entry.sequence
            found = opened.get(number)
            if found is None and number in seen.signatures:
                found = Opened(key_id=claimed_key(seen.signatures[number].envelope))
            row = row_of(stored, found, judged=judge is not None)
            if row in period:
                rows.append(row)
                texts[number] = stored.text or history_verify.pruned_line(stored.entry)
            yield stored

    seen.read(each(), _keep(config))
    unconfigured, looked = _found(arguments.found)
    scope = tuple(_scope(config, rows, period))
    pack = Pack(
        since=period.since,
        until=period.until,
        made_at=now,
        version=__version__,
        targets=period.targets,
        scope=scope,
        unconfigured=unconfigured,
        looked=looked,
        rows=tuple(rows),
        gaps=tuple(_gaps(config, store, [each.name for each in scope], rows, period, now=now)),
        notes=tuple(_notes(seen, rows, period)),
        flaws=tuple(history_verify.problems(seen, judge, ())),
        judged=judge is not None,
        keys=tuple(key.keyid for key in judge.keys) if judge else (),
        sample_size=arguments.sample,
        astray=astray(seen.entries, period.since, period.until),
        seed=arguments.seed or (rows[-1].sha256[:16] if rows else ""),
    )
    kept = {row.sequence for row in pack.sample} | {d.row.sequence for d in pack.deviations}
    chosen = {row.sequence for row in rows}
    return (
        pack,
        {number: text for number, text in texts.items() if number in kept},
        {number: each for number, each in seen.signatures.items() if number in chosen},
    )


def _keep(config: Config) -> timedelta | None:
    days = config.history.keep_days
    return None if days is None else timedelta(days=days)


def _scope(config: Config, rows: Sequence[DrillRow], period: _Period) -> Iterator[Scoped]:
    known = [
        target for target in config.targets if not period.targets or target.name in period.targets
    ]
    yield from map(_scoped, known)
    past = sorted({row.target for row in rows} - {target.name for target in known})
    yield from (Scoped(name=name, configured=False) for name in past)


def _scoped(target: Target) -> Scoped:
    return Scoped(
        name=target.name,
        kind=target.kind.key,
        schedule=f"{target.schedule} {target.timezone}" if target.schedule else "",
        restored_in=_restored_in(target),
        proof_hours=target.max_proof_age_hours,
        rpo_hours=target.objectives.rpo_hours,
        rto_minutes=target.objectives.rto_minutes,
        contact=target.contact,
    )


def _restored_in(target: Target) -> str:
    match target.kind.key:
        case "rds" | "aurora":
            return "the backup account, a separate AWS account"
        case "adopt":
            return "where the adopted instance was restored"
        case _ if getattr(target.source, "into", None) is not None:
            return "a scratch server"
        case _:
            return "a throw-away server on the machine of the drill"


def _found(name: str | None) -> tuple[tuple[str, ...], str]:
    """Databases that are no target, by the output of `audit`, and where they were looked for."""
    if name is None:
        return (), ""
    path = Path(name)
    try:
        said = json.loads(path.read_text())
        found = [f for f in said["findings"] if f["rule"] == COPIED]
        missing = [f["resource"] for f in found if f["found"].startswith(NO_TARGET)]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        message = f"{path}: expected the output of `restorecheck audit --format json`"
        raise ConfigError((Problem(message=message),)) from exc
    looked = f"{len(found)} databases of the source accounts by `restorecheck audit`"
    return tuple(sorted(missing)), looked


def _gaps(
    config: Config,
    store: "SqlStore | AwsStore",
    targets: Sequence[str],
    rows: Sequence[DrillRow],
    period: _Period,
    *,
    now: datetime,
) -> Iterator[Gap]:
    until = min(period.until, now)
    tiers = {target.name: target.slots_of_tier for target in config.targets}
    days: dict[str, list[date]] = {name: [] for name in targets}
    for row in rows:
        days[row.target].append((row.scheduled_for or row.started_at).date())
    for name in targets:
        slots = _slots(store, name, tiers.get(name, EACH), period.since, until)
        if slots is not None:
            yield from gaps_of_slots(slots)
            continue
        since = _first_known(store, name, period.since)
        last = (until - timedelta(seconds=1)).date()
        yield from gaps_of_days(name, days[name], since.date(), last)


def _slots(
    store: "SqlStore | AwsStore", target: str, tier: Tier, since: datetime, until: datetime
) -> list[Slot] | None:
    """None: restorecheck's runner never scheduled this target."""
    if not isinstance(store, SqlStore):
        return None
    agenda = Agenda(store.database)
    kept = agenda.slots(target, since, until)
    followed = agenda.followed(target)
    if followed is None:
        return kept or None
    begin = max(followed.seen_until, since - timedelta(seconds=1))
    later = tier.after(followed.schedule, target, begin)
    unseen = itertools.takewhile(lambda at: at <= until, later)
    missing = [Slot(target=target, due_at=at, reason=NO_REASON) for at in unseen]
    return [*kept, *missing]


def _first_known(store: "SqlStore | AwsStore", target: str, since: datetime) -> datetime:
    """From when on days are counted: the first drill ever, where it is in the period."""
    known = [entry.started_at for entry in store.entries(target=target)]
    return max(min(known, default=since), since)


def _notes(seen: history_verify.Seen, rows: Sequence[DrillRow], period: _Period) -> Iterator[Note]:
    """Those on drills of the period, acceptances in it, and approvals of it."""
    drills = {row.drill_id for row in rows}
    for stored in seen.notes:
        with contextlib.suppress(ValueError):  # among the flaws
            note = stored.note
            of_targets = not period.targets or note.target in period.targets
            in_time = of_targets and period.since <= note.at < period.until
            if note.drill_id in drills or in_time or note.kind is NoteKind.APPROVAL:
                yield note


# --- what is written ----------------------------------------------------------------------------


def _files(
    pack: Pack, texts: dict[int, str], signatures: dict[int, Signature], page: str
) -> dict[str, bytes]:
    made = {
        "evidence.html": page,
        "evidence.json": json.dumps(as_json(pack), indent=1) + "\n",
        "HOW-TO-VERIFY.txt": pack_files.how_to_verify(pack.keys),
    }
    drills = {
        "drills.csv": pack_files.drills_csv(pack.rows),
        "reports.jsonl": "".join(f"{texts[number]}\n" for number in sorted(texts)),
    }
    if signatures:
        lines = (history_verify.signature_line(n, each) for n, each in sorted(signatures.items()))
        drills["signatures.jsonl"] = "".join(f"{line}\n" for line in lines)
    return {
        **{name: text.encode() for name, text in made.items()},
        "drills.zip": pack_files.zipped(drills),
    }


def _pdf(page: str) -> bytes:
    try:
        import weasyprint
    except (ImportError, OSError) as exc:  # OSError: Pango is missing
        message = f"--pdf needs WeasyPrint and Pango: {type(exc).__name__}"
        hint = "pip install 'restorecheck[pdf]', and Pango of the system (Debian: libpango-1.0-0, libpangoft2-1.0-0)."
        raise ConfigError((Problem(message=message),), hint=hint) from exc
    content: bytes = weasyprint.HTML(string=page, url_fetcher=_nothing).write_pdf()
    return content


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a page of evidence fetches nothing: {url}")


def _write(
    folder: Path,
    made: dict[str, bytes],
    judge: Judge | None,
    scribe: "Scribe | None",
    pack: Pack,
) -> None:
    if judge:
        from restorecheck.signing import envelopes

        for key in judge.keys:
            made[f"key-{key.keyid[:16]}.pub"] = envelopes.pem_of(key).encode()
    sums = pack_files.sums(made).encode()
    if scribe:
        said = {
            "since": pack.since.isoformat(),
            "until": pack.until.isoformat(),
            "drills": len(pack.rows),
        }
        payload = statements.of_pack(sha256_of_bytes(sums), said, pack.made_at)
        made["SHA256SUMS.dsse"] = scribe.sign(payload).envelope.encode()
    made["SHA256SUMS"] = sums
    for name, content in made.items():
        path = folder / name
        try:
            path.write_bytes(content)
            path.chmod(OWNER_ONLY)
        except OSError as exc:
            message = f"could not write {path}: {exc.strerror}"
            raise ConfigError((Problem(message=message),)) from exc
