"""Which signature is missed, and which is of no worth."""

from dataclasses import replace

import pytest

from restorecheck.evidence import statements
from restorecheck.evidence.signatures import (
    Opened,
    Span,
    forged,
    in_words,
    not_an_envelope,
    note_signature_flaws,
    signature_flaws,
    spans,
    unknown_key,
)
from restorecheck.history import Link, entry_of, sha256_of
from tests.factories import NOW, finished
from tests.unit.evidence.test_notes import chain

ENTRIES = [
    entry_of(finished().evolve(id=f"d-{n}"), Link(sequence=n, previous_sha256="x"), f"{n}")
    for n in range(1, 6)
]


def signed(entry, key="old"):
    return Opened(key_id=key, payload=statements.of_report(entry, NOW))


def of(*keys):
    """Each report's key; None: not signed."""
    return {e.sequence: signed(e, key) for e, key in zip(ENTRIES, keys, strict=True) if key}


def flawed(opened, entries=ENTRIES):
    return [(flaw.sequence, flaw.what) for flaw in signature_flaws(entries, opened)]


@pytest.mark.parametrize(
    "keys",
    [
        (None,) * 5,
        ("old",) * 5,
        (None, None, "old", "old", "old"),
        ("old", "old", "new", "new", "new"),
        (None, "old", "old", "new", "third"),
    ],
)
def test_reports_from_before_the_first_signature_and_a_new_key_are_no_flaw(keys):
    assert flawed(of(*keys)) == []


def test_a_report_without_a_signature_after_a_signed_one_is_a_flaw():
    found = flawed(of("old", None, "old", "old", None))

    assert found == [
        (2, "the report is not signed, but report 1 before it is"),
        (5, "the report is not signed, but report 4 before it is"),
    ]


def test_a_replaced_key_signs_nothing_later():
    found = flawed(of("old", "new", "old", "new", "old"))

    assert [number for number, _ in found] == [3, 5]
    assert found[0][1] == "signed with key old, which was replaced at report 2"


@pytest.mark.parametrize("problem", [not_an_envelope(), unknown_key("k" * 64), forged("k" * 64)])
def test_a_signature_that_no_key_made_is_a_flaw_in_its_own_words(problem):
    opened = of(*["old"] * 5) | {3: Opened(key_id="k" * 64, problem=problem)}

    assert flawed(opened) == [(3, problem)]
    assert "k" * 17 not in problem


def test_a_signature_of_another_report_is_a_flaw():
    opened = of(*["old"] * 5) | {3: signed(ENTRIES[3])}

    ((number, what),) = flawed(opened)
    assert (number, "belongs to another file" in what) == (3, True)


def test_a_report_moved_to_another_target_has_a_signature_that_does_not_fit():
    moved = [replace(e, target="orders") if e.sequence == 2 else e for e in ENTRIES]

    assert [number for number, _ in flawed(of(*["old"] * 5), moved)] == [2]


def test_spans_say_which_key_signed_which_reports():
    found = spans(ENTRIES, of(None, "old", "old", "new", None))

    assert found == [
        Span("", 1, 1, 1),
        Span("old", 2, 3, 2),
        Span("new", 4, 4, 1),
        Span("", 5, 5, 1),
    ]
    texts = [in_words(span, oldest=n == 0) for n, span in enumerate(found)]
    assert texts == [
        "report 1: not signed (1 report from before the first signature); the chain ties them to the first signed report",
        "reports 2 to 3: signed with key old",
        "report 4: signed with key new",
        "report 5: not signed",
    ]


def test_signatures_of_notes_are_held_to_the_same():
    notes = chain()
    good = {
        n.number: Opened(key_id="k", payload=statements.of_note(n.note, n.sha256, NOW))
        for n in notes
    }

    assert list(note_signature_flaws(notes, good)) == []
    assert list(note_signature_flaws(notes, {})) == []
    for opened, numbers in (
        ({1: good[1], 3: good[3]}, [2]),
        (good | {2: Opened(problem=forged("k"))}, [2]),
        (good | {2: good[1]}, [2]),
    ):
        assert [f.sequence for f in note_signature_flaws(notes, opened)] == numbers
    bad = replace(notes[0], text="{}", sha256=sha256_of("{}"))
    assert list(note_signature_flaws([bad], {1: good[1]})) == []
