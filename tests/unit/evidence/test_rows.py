"""A drill as a line: what is known of it, and nothing that is not."""

import json

import pytest

from restorecheck.evidence import sampling
from restorecheck.evidence.files import COLUMNS, drills_csv, how_to_verify, sums, zipped
from restorecheck.evidence.rows import REMOVED, row_of
from restorecheck.evidence.signatures import Opened, claimed_key, forged
from restorecheck.history import Link, Stored, entry_of
from restorecheck.model import Verdict
from tests.factories import NOW, finished

SECONDS = {"seconds": 3600.0, "limit_seconds": 86400.0}


def stored(said, verdict=Verdict.VERIFIED, **changes):
    drill = finished(verdict).evolve(**changes)
    text = said if isinstance(said, str) else json.dumps(said)
    return Stored(entry=entry_of(drill, Link(sequence=3, previous_sha256="p"), text), text=text)


def row(said, opened=None, *, judged=False, **changes):
    return row_of(stored(said, **changes), opened, judged=judged)


def check(kind="row_count", outcome="passed", **more):
    return {"kind": kind, "outcome": outcome, **more}


def test_what_a_report_says_stands_in_its_line():
    said = {
        "reason": "it restores",
        "backup": {
            "kind": "dump", "identifier": "a.dump", "taken_at": "2026-02-27T00:15:00Z", "age_seconds": 9,
            "size_bytes": 7, "checksum": "sha256:0", "storage": "s3://b",
            "chosen": {"by": "random", "of": 12, "seed": "x"},
        },
        "restore": {"outcome": "succeeded", "seconds": 2.5, "identity": "7/1", "server_version": "17"},
        "checks": [check(), check(outcome="failed"), check("rpo", measured=SECONDS)],
        "teardown": {"outcome": "complete"},
        "baseline": {"drill_id": "d-0", "accepted_by": "Ann"},
    }  # fmt: skip
    found = row(said)

    assert (found.backup, found.backup_bytes, found.backup_chosen) == (
        "a.dump",
        7,
        "random of 12, seed x",
    )
    assert (found.rpo_seconds, found.rpo_asked_seconds, found.rpo) == (3600.0, 86400.0, "passed")
    assert (found.rto_seconds, found.rto_asked_seconds, found.rto) == (2.5, None, "not asked")
    assert (found.checks_passed, found.checks_failed, found.checks_skipped) == (2, 1, 0)
    assert (found.restored_identity, found.compared_with, found.accepted_by) == (
        "7/1",
        "d-0",
        "Ann",
    )


@pytest.mark.parametrize("said", ["", "[]", "3"])
def test_of_a_report_that_is_gone_or_cannot_be_read_nothing_is_known_and_nothing_is_zero(said):
    found = row(said)

    assert (found.reason, found.rpo_seconds, found.checks_passed, found.backup) == (
        REMOVED,
        None,
        None,
        "",
    )
    gone = Stored(entry=stored({}).entry, text=None)
    assert row_of(gone, None, judged=False).reason == REMOVED


def test_a_restore_that_did_not_succeed_has_no_time():
    found = row({"restore": {"outcome": "failed", "seconds": 3.0}, "backup": None})

    assert (found.rto_seconds, found.rpo_seconds) == (None, None)
    assert row({"backup": {"chosen": {"by": "newest", "of": 1}}}).backup_chosen == "newest of 1"


@pytest.mark.parametrize(
    ("opened", "judged", "said"),
    [
        (None, True, "none"),
        (Opened(key_id="k" * 64), False, "not checked"),
        (Opened(key_id="k" * 64), True, "valid"),
        (Opened(key_id="k" * 64, problem=forged("k")), True, forged("k")),
    ],
)
def test_a_signature_is_only_called_valid_where_a_key_said_so(opened, judged, said):
    found = row({}, opened, judged=judged)

    assert found.signature == said
    assert found.signed_with == ("k" * 16 if opened else "")


@pytest.mark.parametrize(
    ("changes", "deviates"),
    [
        ({}, False),
        ({"verdict": Verdict.FAILED}, True),
        ({"verdict": Verdict.INCONCLUSIVE}, True),
    ],
)
def test_a_drill_that_is_not_verified_deviates(changes, deviates):
    assert row({}, **changes).is_deviation is deviates
    missed = {"checks": [check("rto", "failed", measured=SECONDS)]}
    assert row(missed).is_deviation


@pytest.mark.parametrize(
    ("envelope", "key"),
    [('{"signatures": [{"keyid": "k"}]}', "k"), ("{", ""), ('{"signatures": []}', ""), ("[]", "")],
)
def test_the_key_that_an_envelope_names_is_read_without_trusting_it(envelope, key):
    assert claimed_key(envelope) == key


def test_a_table_has_a_line_a_drill_and_no_formula():
    text = drills_csv([row({"reason": "=1+1"}), row({"reason": "-"}, ledger=())])
    head, first, second, *_ = text.split("\r\n")

    assert head.split(",") == list(COLUMNS)
    assert ",'=1+1," in first
    assert ",'-," in second
    assert "2026-02-27T03:15:00+00:00" in first
    assert ",no," in first


def test_a_sample_is_the_lowest_hashes_and_grows_at_its_end():
    rows = [row({}, id=f"d-{n}") for n in range(40)]

    assert sampling.drawn(rows, 5, "s") == sampling.drawn(rows, 9, "s")[:5]
    assert sampling.drawn(rows, 5, "s") != sampling.drawn(rows, 5, "t")
    assert len(sampling.drawn(rows, 99, "s")) == 40
    assert sampling.drawn(rows, 0, "s") == ()
    assert sampling.in_words(40, 99, "s").startswith("40 of 40 drills")


def test_the_same_files_are_the_same_bytes():
    files = {"a.csv": "x", "b": "y" * 999}

    assert zipped(files) == zipped(files)
    assert sums({"b": b"1", "a": b""}).splitlines()[0].endswith("  a")


def test_the_instructions_name_the_keys_or_say_that_there_is_none():
    assert "expected: k1, k2" in how_to_verify(["k1", "k2"])
    assert "This pack is not signed" in how_to_verify([])
    assert "{" not in how_to_verify([])


def test_a_line_keeps_the_time_that_a_drill_was_for():
    assert row({}, scheduled_for=NOW).scheduled_for == NOW
