"""The chain of notes: what breaks it."""

from dataclasses import replace

import pytest

from restorecheck.evidence.notes import NoteKind, NoteLink, StoredNote, note_flaws, write
from restorecheck.history import sha256_of
from tests.factories import NOW

REPORTS = {1: "a" * 64, 2: "b" * 64}


def stored(number, previous, *, report=1, **said):
    link = NoteLink(
        number=number,
        previous_sha256=previous,
        report_sequence=report,
        report_sha256=REPORTS.get(report, ""),
    )
    text = write(link, kind=NoteKind.NOTE, at=NOW, by="Ann", why="why", **said)
    return StoredNote(number=number, text=text, sha256=sha256_of(text))


def chain():
    notes, previous = [], ""
    for number in (1, 2, 3):
        notes.append(stored(number, previous, report=min(number, 2)))
        previous = notes[-1].sha256
    return notes


def flawed(notes, reports=REPORTS):
    return [flaw.sequence for flaw in note_flaws(notes, reports)]


def test_notes_that_nobody_touched_have_no_flaw():
    assert flawed(chain()) == []
    assert flawed([]) == []
    assert chain()[0].note.why == "why"


def test_a_note_before_the_first_report_is_tied_to_none():
    assert flawed([stored(1, "", report=0)], {}) == []


def test_a_changed_note_is_a_flaw():
    first, second, third = chain()
    changed = second.text.replace('"why":"why"', '"why":"lie"')

    assert flawed([first, replace(second, text=changed), third]) == [2]
    rewritten = StoredNote(number=2, text=changed, sha256=sha256_of(changed))
    assert flawed([first, rewritten, third]) == [3]


def test_a_removed_note_is_missed_by_the_next():
    first, _, third = chain()

    (flaw,) = note_flaws([first, third], REPORTS)

    assert (flaw.sequence, flaw.what) == (3, "notes before this one are missing, from 2")


@pytest.mark.parametrize("text", ["", "{}", '{"number": 1}', "[]"])
def test_what_is_no_note_is_named_so(text):
    (flaw,) = note_flaws([StoredNote(number=1, text=text, sha256=sha256_of(text))], {})

    assert "cannot be read" in flaw.what


def test_a_note_moved_to_another_place_is_a_flaw():
    first, second, third = chain()

    assert flawed([replace(second, number=1), replace(first, number=2), third]) == [1, 2, 3]


def test_a_note_holds_the_report_that_was_the_newest():
    (flaw,) = note_flaws(chain()[:1], {1: "c" * 64})

    assert "report 1 is not the one" in flaw.what
    assert flawed(chain()[:1], {}) == [1]
