"""What is signed says what the history says, and is small enough for KMS."""

import json
from dataclasses import replace

import pytest

from restorecheck.evidence import statements
from restorecheck.evidence.notes import Note, NoteKind
from restorecheck.history import Link, entry_of
from restorecheck.model import Verdict
from tests.factories import NOW, finished

ENTRY = entry_of(finished(), Link(sequence=7, previous_sha256="0" * 64), "text")
NOTE = Note(
    number=2,
    previous_sha256="1" * 64,
    report_sequence=7,
    report_sha256="2" * 64,
    kind=NoteKind.NOTE,
    at=NOW,
    by="Ann",
    why="disk was full",
)
KMS_SIGNS_WHOLE = 4096


def misfit(payload, entry=ENTRY):
    return statements.misfit_of_report(payload, entry)


def test_a_statement_fits_the_report_that_it_is_on():
    payload = statements.of_report(ENTRY, NOW)
    said = json.loads(payload)

    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [{"name": "courses/d-1.json", "digest": {"sha256": ENTRY.sha256}}]
    assert said["predicate"]["verdict"] == "verified"
    assert misfit(payload) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "orders"}, "belongs to another file: courses/d-1.json"),
        ({"drill_id": "d-2"}, "belongs to another file: courses/d-1.json"),
        ({"sha256": "f" * 64}, "of another text"),
        ({"verdict": Verdict.FAILED}, "says verdict verified, the history failed"),
        ({"sequence": 8}, "says sequence 7, the history 8"),
        ({"previous_sha256": "f" * 64}, "says previous_sha256 0000"),
        ({"finished_at": NOW}, "says finished_at"),
    ],
)
def test_a_statement_fits_no_line_of_the_history_that_differs(changed, said):
    assert said in misfit(statements.of_report(ENTRY, NOW), replace(ENTRY, **changed))


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b'{"subject": 3}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_statement_is_named_so(payload):
    assert misfit(payload) == "the signed text is not a statement of restorecheck"


def test_a_statement_on_something_else_is_not_one_on_a_report():
    sums = "a" * 64

    assert "of another kind" in misfit(statements.of_pack(sums, {}, NOW))
    assert statements.misfit_of_pack(statements.of_pack(sums, {}, NOW), sums) == ""
    assert "of another text" in statements.misfit_of_pack(
        statements.of_pack(sums, {}, NOW), "b" * 64
    )


def test_a_statement_on_a_note_fits_that_note():
    payload = statements.of_note(NOTE, "a" * 64, NOW)

    assert statements.misfit_of_note(payload, NOTE, "a" * 64) == ""
    assert statements.misfit_of_note(payload, NOTE, "b" * 64)
    other = NOTE.model_copy(update={"number": 3})
    assert "belongs to another file" in statements.misfit_of_note(payload, other, "a" * 64)


def test_the_longest_statement_is_one_that_kms_signs_whole():
    long = replace(ENTRY, target="t" * 200, drill_id="d" * 60, sequence=10**9)

    assert len(statements.of_report(long, NOW)) < KMS_SIGNS_WHOLE / 2
