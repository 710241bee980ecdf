"""What every keeper of signatures and notes promises; one suite, each store."""

import pytest

from restorecheck.evidence.notes import NoteKind, note_flaws, write
from restorecheck.evidence.signatures import Signature
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sqlite.store import SqliteStore
from tests.contract.aws_store import simulated_store
from tests.contract.postgres_store import postgres_store
from tests.contract.test_history import put
from tests.factories import NOW
from tests.signed import Key

FIRST, SECOND = Signature(envelope="{}", timestamp="t"), Signature(envelope="{ }")


@pytest.fixture(params=["sqlite", "postgresql", "aws"])
def both(request, tmp_path):
    """A store, and its proofs."""
    if request.param == "aws":
        with simulated_store() as made:
            yield made, made.proofs
        return
    if request.param == "postgresql":
        with postgres_store(request.getfixturevalue("history_server")) as made:
            yield made, SqlProofs(made.database)
        return
    store = SqliteStore(tmp_path / "history.sqlite")
    yield store, SqlProofs(store.database)
    store.close()


def unsigned(proofs):
    return [entry.sequence for entry in proofs.unsigned()]


def noted(proofs, why="why"):
    return proofs.note(
        lambda link: write(link, kind=NoteKind.NOTE, at=NOW, by="Ann", why=why, drill_id="d-1")
    )


def test_of_a_history_that_was_never_signed_only_the_newest_report_is_to_be_signed(both):
    store, proofs = both
    assert unsigned(proofs) == []

    for number in (1, 2, 3):
        put(store, number)

    assert unsigned(proofs) == [3]


def test_every_gap_after_the_first_signature_is_to_be_signed(both):
    store, proofs = both
    for number in range(1, 7):
        put(store, number, target="courses" if number % 2 else "orders")
    for sequence in (3, 5):
        proofs.sign(sequence, FIRST)

    assert unsigned(proofs) == [4, 6]
    assert proofs.signatures() == {3: FIRST, 5: FIRST}


def test_the_first_signature_stays(both):
    store, proofs = both
    put(store, 1)

    proofs.sign(1, FIRST)
    proofs.sign(1, SECOND)

    assert proofs.signatures() == {1: FIRST}


def test_notes_are_a_chain_that_is_tied_to_the_reports(both):
    store, proofs = both
    noted(proofs, "before the first report")
    put(store, 1)
    put(store, 2)
    second = noted(proofs)

    notes = proofs.notes()
    reports = {entry.sequence: entry.sha256 for entry in store.entries()}

    assert [note.number for note in notes] == [1, 2]
    assert list(note_flaws(notes, reports)) == []
    assert (second.note.report_sequence, second.note.previous_sha256) == (2, notes[0].sha256)


def test_a_note_is_signed_once(both):
    _, proofs = both
    noted(proofs)

    proofs.sign_note(1, FIRST)
    proofs.sign_note(1, SECOND)

    assert proofs.note_signatures() == {1: FIRST}


def test_a_scribe_signs_all_that_is_to_be_signed_and_not_twice(both):
    store, proofs = both
    key = Key()
    put(store, 1)
    put(store, 2)
    noted(proofs)

    assert key.scribe().catch_up(proofs) == ""
    put(store, 3)
    before = proofs.signatures()
    assert Key().scribe().catch_up(proofs) == ""

    assert set(before) == {2}
    assert set(proofs.signatures()) == {2, 3}
    assert proofs.signatures()[2] == before[2]
    assert set(proofs.note_signatures()) == {1}


def test_a_key_that_fails_leaves_the_report_for_the_next_time(both):
    store, proofs = both
    put(store, 1)
    broken = Key().scribe()
    object.__setattr__(broken, "signer", None)

    assert broken.catch_up(proofs) == "AttributeError"
    assert unsigned(proofs) == [1]
