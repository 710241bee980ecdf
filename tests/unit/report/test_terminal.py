import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from restorecheck.lifecycle import Aborted, Closed, VerdictRecorded, apply
from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    Damaged,
    Noticed,
    Observation,
    Proof,
    RestoreOutcome,
    Retention,
    Step,
    StepKind,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document, wording
from restorecheck.report.terminal import clean, proof_line, render
from restorecheck.spelling import duration, size
from tests.factories import HOUR, NOW, SERVER, drill, finished, restored, result
from tests.nights import night

ROOT = Path(__file__).parents[3]


def ended(state, verdict, reason):
    return apply(apply(state, VerdictRecorded(verdict, reason), NOW), Closed(), NOW)


def test_the_verdict_and_its_reason_come_first():
    text = render(document.build(finished()), color=False)

    first, second = text.splitlines()[:2]
    assert first == "courses  VERIFIED"
    assert second.strip() == "it restores"


def test_checks_that_were_not_asked_have_a_row_that_says_so():
    aborted = ended(apply(drill(), Aborted("Ctrl-C"), NOW), Verdict.INCONCLUSIVE, "Ctrl-C")

    report = document.build(aborted)

    assert [check.outcome for check in report.checks] == [CheckOutcome.SKIPPED]
    assert report.interrupted


def test_what_is_left_is_named():
    left = ended(restored().evolve(ledger=(SERVER,)), Verdict.FAILED, "bad")

    text = render(document.build(left), color=False)

    assert "INCOMPLETE, 1 left" in text
    assert "restorecheck-d-1" in text


def test_escapes_and_line_breaks_from_outside_do_not_reach_the_terminal():
    hostile = "\x1b[2J\nVERIFIED\u202e"
    state = restored(target=hostile)
    bad = result(detail=hostile, outcome=CheckOutcome.FAILED)
    state = ended(state.evolve(results=(bad,)), Verdict.FAILED, hostile)

    text = render(document.build(state), color=False)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "VERIFIED" not in text.splitlines()[1:2][0].split()[:1]
    assert clean("plain ✓ text") == "plain ✓ text"


def test_colour_is_only_used_when_asked_for():
    report = document.build(finished())

    assert "\x1b[" in render(report, color=True)
    assert "\x1b[" not in render(report, color=False)


def test_a_report_survives_json_and_fits_the_committed_schema():
    report = document.build(finished())
    committed = json.loads((ROOT / "docs/reference/report.schema.json").read_text())

    assert document.parse(report.to_json()) == report
    jsonschema.validate(json.loads(report.to_json()), committed)


def test_the_report_has_every_promised_field():
    values = json.loads(document.build(finished()).to_json())

    assert values["schema_version"] == 1
    assert {"drill_id", "target", "verdict", "reason", "started_at", "finished_at"} <= set(values)
    assert {"kind", "identifier", "taken_at", "age_seconds", "size_bytes", "server_version"} <= set(
        values["backup"]
    )
    assert {"outcome", "seconds", "server_version"} <= set(values["restore"])
    assert {
        "name",
        "kind",
        "database",
        "severity",
        "outcome",
        "expected",
        "found",
        "seconds",
        "detail",
    } <= set(values["checks"][0])
    assert {"outcome", "left"} <= set(values["teardown"])
    assert {"name", "started_at", "seconds", "outcome"} <= set(values["steps"][0])
    assert values["started_at"].endswith("Z")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (34_200_000, "34.2 MB")]
)
def test_sizes_are_said_as_people_say_them(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (300, "5 min"), (473, "7 min 53 s"), (10_800, "3 h"), (400_000, "4 days 16 h")],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text


# --- line by line ----------------------------------------------------------------------------------

ADOPTED = (Step(name="adopt", kind=StepKind.ADOPT, does="take it", deadline=HOUR),)


def line(label, report):
    """What stands beside the label, and the lines below it that have none."""
    lines = render(report, color=False).splitlines()
    at = next(n for n, text in enumerate(lines) if text.startswith(f"  {label} "))
    below = [text.strip() for text in lines[at + 1 :]]
    inner = [text.startswith("    ") for text in lines[at + 1 :]]
    length = inner.index(False) if False in inner else len(inner)
    return [lines[at].removeprefix(f"  {label}").strip(), *below[:length]]


@pytest.mark.parametrize(
    ("number", "text"),
    [(999_900_000_000, "999.9 GB"), (1_500_000_000_000, "1.5 TB"), (2e15, "2000.0 TB")],
)
def test_the_largest_backups_are_counted_in_terabytes(number, text):
    assert size(int(number)) == text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (RestoreOutcome.SUCCEEDED, ["1 min", "17.10"]),
        (RestoreOutcome.FAILED, ["failed", "1 min"]),
        (RestoreOutcome.TIMED_OUT, ["timed out", "1 min"]),
        (RestoreOutcome.PENDING, ["not begun"]),
    ],
)
@pytest.mark.parametrize("face", ["terminal", "words"])
def test_a_restore_says_how_it_ended_and_after_how_long(outcome, words, face):
    report = night(restore_outcome=outcome)
    said = line("restore", report)[0] if face == "terminal" else wording.restored(report)
    wanted = words[:-1] if face == "words" and outcome is RestoreOutcome.SUCCEEDED else words

    assert [word for word in wanted if word not in said] == []


@pytest.mark.parametrize(("seconds", "timed"), [(90, True), (0, False)])
def test_a_restore_that_another_program_made_has_a_time_only_where_it_is_known(seconds, timed):
    adopted = night(plan=ADOPTED)
    told = adopted.restore.model_copy(update={"seconds": float(seconds)})
    report = adopted.model_copy(update={"restore": told})

    for said in (line("restore", report)[0], wording.restored(report)):
        assert "another program" in said
        assert ("1 min 30 s" in said) is timed


@pytest.mark.parametrize(
    ("backup", "missing"),
    [
        (Backup(kind="dump", identifier="/b/1.dump"), ["(", "taken", "old"]),
        (Backup(kind="dump", identifier="/b/1.dump", size_bytes=5), ["taken", "old", "PostgreSQL"]),
        (Backup(kind="dump", identifier="/b/1.dump", taken_at=NOW), ["bytes", "PostgreSQL"]),
    ],
)
def test_of_a_backup_only_what_is_known_is_said(backup, missing):
    said = line("backup", night(backup=backup))[0]

    assert said.startswith("/b/1.dump")
    assert [word for word in missing if word in said] == []


@pytest.mark.parametrize(
    ("outcome", "terminal", "words"),
    [
        (TeardownOutcome.COMPLETE, "complete", "Yes"),
        (TeardownOutcome.KEPT, "kept", "No: the database was kept"),
        (TeardownOutcome.INCOMPLETE, "INCOMPLETE", "No"),
        (TeardownOutcome.PENDING, "not begun", "No"),
    ],
)
def test_a_teardown_says_how_it_ended(outcome, terminal, words):
    report = night(teardown_outcome=outcome)

    assert line("teardown", report)[0].startswith(terminal)
    assert wording.cleaned_up(report).startswith(words)


def test_who_accepted_the_night_that_is_compared_with_is_named():
    accepted = Baseline(
        drill_id="d-0", at=NOW, readings="", accepted_by="ann\x1b", accepted_because="migrated"
    )
    said = line("compared", night(baseline=accepted))

    assert "d-0" in said[0]
    assert "ann" in said[1]
    assert "migrated" in said[1]
    assert "\x1b" not in said[1]
    assert len(line("compared", night(baseline=replace(accepted, accepted_by="")))) == 1


def test_every_copy_that_is_kept_or_deleted_is_named():
    both = line("copies", night(retention=Retention(kept=("a", "b"), deleted=("c",))))
    kept = line("copies", night(retention=Retention(kept=("a",), deleted=())))

    assert both[1:] == ["kept: a", "kept: b", "deleted: c"]
    assert "deleted" in both[0]
    assert "deleted" not in kept[0]
    assert "copies" not in render(night(), color=False)


def seen(source, text, at=NOW):
    return Observation(at=at, source=source, text=text)


EVIDENCE = (
    seen("server log", "LOG: ready"),
    seen("server log", "ERROR: no", None),
    seen("restore", "creating"),
    seen("difference from production", "jit"),
)


@pytest.mark.parametrize(
    ("verdict", "outcome", "told"),
    [
        (Verdict.VERIFIED, RestoreOutcome.SUCCEEDED, []),
        (Verdict.FAILED, RestoreOutcome.SUCCEEDED, ["ERROR: no", "jit"]),
        (Verdict.FAILED, RestoreOutcome.FAILED, ["LOG: ready", "ERROR: no", "creating", "jit"]),
        (
            Verdict.INCONCLUSIVE,
            RestoreOutcome.TIMED_OUT,
            ["LOG: ready", "ERROR: no", "creating", "jit"],
        ),
    ],
)
def test_evidence_is_what_explains_the_verdict(verdict, outcome, told):
    report = night(verdict=verdict, restore_outcome=outcome, evidence=EVIDENCE)

    if told:
        said = line("evidence", report)[1:]
        assert [text.rpartition(": ")[2] for text in said] == [t.rpartition(": ")[2] for t in told]
        assert any(text.startswith("03:15:00 ") for text in said)
    else:
        assert "evidence" not in render(report, color=False)


def test_of_much_evidence_the_last_lines_are_shown_and_the_rest_is_counted():
    many = tuple(seen("server log", f"ERROR {n}") for n in range(40))
    first, *rest = line("evidence", night(verdict=Verdict.FAILED, evidence=many))

    assert rest[-1].endswith("ERROR 39")
    assert first.split()[0] == str(40 - len(rest))


NOTHING = Damaged(kind="a", noticed=Noticed.UNDETECTED)
REQUIRED = Damaged(kind="b", noticed=Noticed.YOURS)
ONLY_WARNED = Damaged(kind="c", noticed=Noticed.YOURS_WARNING)


@pytest.mark.parametrize(
    ("damages", "score", "unseen", "verdicts"),
    [
        ((REQUIRED,), "1 of 1", False, True),
        ((REQUIRED, NOTHING), "1 of 2", True, True),
        ((ONLY_WARNED,), "1 of 1", False, True),
        ((NOTHING,), "0 of 1", True, False),
    ],
)
def test_a_proof_says_only_what_there_is_to_say(damages, score, unseen, verdicts):
    report = document.build(finished().evolve(proof=Proof(damages=damages)))
    assert report.proof is not None
    said = proof_line(report.proof)

    assert score in said
    assert ("no check detects 1: a" in said) is unseen
    assert ("no check detects" in said) is unseen
    assert ("required" in said) is verdicts


def test_a_proof_that_tried_nothing_has_no_score():
    report = document.build(finished().evolve(proof=Proof()))
    assert report.proof is not None

    assert "of 0" not in proof_line(report.proof)
