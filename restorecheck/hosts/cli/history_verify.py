"""`history verify`: that no report, note or signature was changed or removed."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck.config import Config
from restorecheck.errors import ConfigError, Problem
from restorecheck.evidence.notes import StoredNote, note_flaws
from restorecheck.evidence.signatures import (
    Signature,
    in_words,
    note_signature_flaws,
    signature_flaws,
    spans,
)
from restorecheck.history import Entry, Flaw, Stored, flaws, sha256_of
from restorecheck.hosts.cli.keys import Judge, judge_of
from restorecheck.hosts.cli.opened_history import asked_for, proofs_of
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.model import Verdict
from restorecheck.report.terminal import clean
from restorecheck.spelling import number_of

SIGNATURES = ".signatures.jsonl"
"""End of the file beside an export that has its signatures."""


@dataclass(slots=True)
class Seen:
    """What was read of a history."""

    entries: list[Entry] = field(default_factory=list)
    pruned: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    signatures: Mapping[int, Signature] = field(default_factory=dict)
    notes: Sequence[StoredNote] = ()
    note_signatures: Mapping[int, Signature] = field(default_factory=dict)

    def read(self, reports: Iterator[Stored], keep: timedelta | None = None) -> None:
        def each() -> Iterator[Stored]:
            for report in reports:
                self.entries.append(report.entry)
                self.pruned += report.text is None
                yield report

        self.flaws = list(flaws(each(), keep))


def verify(config: Config, arguments: argparse.Namespace) -> int:
    judge = judge_of(arguments)
    seen = Seen()
    if arguments.file:
        seen.read(_of_export(Path(arguments.file)))
        seen.signatures = _signatures_beside(Path(arguments.file))
    else:
        keep_days = config.history.keep_days
        keep = None if keep_days is None else timedelta(days=keep_days)
        with asked_for(config, arguments) as store:
            seen.read(store.stored(), keep)
            proofs = proofs_of(store)
            seen.signatures, seen.notes = proofs.signatures(), proofs.notes()
            seen.note_signatures = proofs.note_signatures()
    found = list(problems(seen, judge, arguments.expect or ()))
    for line in found:
        print(f"FLAW  {line}")
    if found:
        return Exit.FAILED
    _say(seen, judge)
    return Exit.VERIFIED


def problems(seen: Seen, judge: Judge | None, expected: Sequence[str]) -> Iterator[str]:
    reports = {entry.sequence: entry.sha256 for entry in seen.entries}
    yield from map(_of_report, seen.flaws)
    yield from map(_of_note, note_flaws(seen.notes, reports))
    if judge is not None:
        opened = judge.all_of(seen.signatures)
        yield from map(_of_report, signature_flaws(seen.entries, opened))
        of_notes = judge.all_of(seen.note_signatures)
        yield from map(_of_note, note_signature_flaws(seen.notes, of_notes))
        for sequence in sorted(opened.keys() - reports.keys()):
            yield f"report {sequence}: there is a signature, but no report"
        if seen.entries and not opened:
            yield "no report is signed"
    known = {*reports.values(), *(note.sha256 for note in seen.notes)}
    for digest in expected:
        if digest.lower() not in known:
            yield f"no report has the hash {clean(digest)}"


def _of_report(flaw: Flaw) -> str:
    return f"report {flaw.sequence} (drill {clean(flaw.drill_id)}): {clean(flaw.what)}"


def _of_note(flaw: Flaw) -> str:
    return f"note {flaw.sequence}: {clean(flaw.what)}"


def _say(seen: Seen, judge: Judge | None) -> None:
    count = number_of(len(seen.entries), "report")
    print(f"{count}, each tied to the one before; {seen.pruned} reduced by retention")
    if seen.notes:
        print(f"{number_of(len(seen.notes), 'note')}, each tied to the one before")
    if judge is not None:
        opened = judge.all_of(seen.signatures)
        for number, span in enumerate(spans(seen.entries, opened)):
            print(in_words(span, oldest=number == 0))
        if stamped := sum(bool(found.stamped) for found in opened.values()):
            print(f"{number_of(stamped, 'signature')} with a time stamp of a given authority")
    elif seen.signatures:
        signed = number_of(len(seen.signatures), "report")
        print(f"{signed} signed; `--key FILE`, with the public key, verifies the signatures")
    print(f"last sha256: {seen.entries[-1].sha256 if seen.entries else '(none)'}")


def signature_line(sequence: int, signature: Signature) -> str:
    """One line of the file of signatures beside an export."""
    envelope = json.loads(signature.envelope)
    return json.dumps(
        {"sequence": sequence, "timestamp": signature.timestamp, "envelope": envelope},
        separators=(",", ":"),
    )


def _signatures_beside(export: Path) -> dict[int, Signature]:
    path = export.with_name(export.name + SIGNATURES)
    if not path.exists():
        return {}
    found: dict[int, Signature] = {}
    for number, line in enumerate(_lines(path), start=1):
        try:
            said = json.loads(line)
            envelope = json.dumps(said["envelope"])
            found[int(said["sequence"])] = Signature(
                envelope=envelope, timestamp=str(said["timestamp"])
            )
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            message = f"{path}:{number}: not a line of the signatures of `history export`"
            raise ConfigError((Problem(message=message),)) from exc
    return found


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines(): names may contain other line separators.
        return path.read_text().removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        message = f"{path} cannot be read: {type(exc).__name__}"
        raise ConfigError((Problem(message=message),)) from exc


def _of_export(path: Path) -> Iterator[Stored]:
    """The lines of `history export`, as a chain."""
    for number, line in enumerate(_lines(path), start=1):
        try:
            report = json.loads(line)
            stored = _stored(report, line)
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            message = f"{path}:{number}: not a line of `history export`"
            raise ConfigError((Problem(message=message),)) from exc
        yield stored


def _stored(report: dict[str, object], line: str) -> Stored:
    without_text = "pruned" in report
    pruned = report.get("pruned")
    chain = report.get("chain") or {}
    if not isinstance(chain, dict):
        raise TypeError(chain)
    entry = Entry(
        sequence=int(chain["sequence"]),
        drill_id=str(report["drill_id"]),
        target=str(report["target"]),
        verdict=Verdict(str(report["verdict"])),
        started_at=datetime.fromisoformat(str(report["started_at"])),
        finished_at=datetime.fromisoformat(str(report["finished_at"])),
        scheduled_for=None,
        left_behind=False,
        announce=False,
        # The hash in the line is compared with the hash of the previous line.
        previous_sha256=str(chain["previous_sha256"]),
        sha256=str(report["sha256"]) if without_text else sha256_of(line),
        pruned_at=datetime.fromisoformat(str(pruned)) if pruned else None,
    )
    return Stored(entry=entry, text=None if without_text else line)


def pruned_line(entry: Entry) -> str:
    return json.dumps(
        {
            # Null if the text was removed: a flaw of the export as of the history.
            "pruned": entry.pruned_at.isoformat() if entry.pruned_at else None,
            "drill_id": entry.drill_id,
            "target": entry.target,
            "verdict": entry.verdict.value,
            "started_at": entry.started_at.isoformat(),
            "finished_at": entry.finished_at.isoformat(),
            "sha256": entry.sha256,
            "chain": {"sequence": entry.sequence, "previous_sha256": entry.previous_sha256},
        }
    )
