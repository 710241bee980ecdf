"""The chain of reports: what breaks it; and where a target stands by it."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from restorecheck.history import (
    Link,
    Standing,
    Stored,
    entry_of,
    flaws,
    overdue_since,
    sha256_of,
    standing_of,
    status_of,
)
from restorecheck.model import DrillOf, Verdict
from tests.factories import NOW, SERVER, finished

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def stored(link, *, carries=True):
    tied = {"sequence": link.sequence, "previous_sha256": link.previous_sha256}
    text = json.dumps({"n": link.sequence} | ({"chain": tied} if carries else {}))
    drill = finished().evolve(id=f"d-{link.sequence}", finished_at=NOW)
    return Stored(entry=entry_of(drill, link, text), text=text)


def chain(*, carries=True):
    reports = []
    previous = ""
    for sequence in (1, 2, 3):
        reports.append(stored(Link(sequence=sequence, previous_sha256=previous), carries=carries))
        previous = reports[-1].entry.sha256
    return reports


def flawed(reports, keep=None):
    """The numbers of the reports with something wrong."""
    return [flaw.sequence for flaw in flaws(reports, keep)]


@pytest.mark.parametrize("carries", [True, False])
def test_a_chain_that_nobody_touched_has_no_flaw(carries):
    assert flawed(chain(carries=carries)) == []


def test_a_changed_text_is_a_flaw_of_its_own_report():
    first, second, third = chain()

    assert flawed([first, replace(second, text=f"{second.text} "), third]) == [2]


def test_a_removed_report_is_missed_by_the_next():
    first, _, third = chain()
    (flaw,) = flaws([first, third])

    assert (flaw.sequence, flaw.drill_id) == (3, "d-3")
    assert flaw.what.startswith("1 report ")
    assert flawed([third]) == [3]


def test_a_report_put_in_the_place_of_another_is_missed_by_the_next():
    first, second, third = chain()
    other = json.dumps(
        {"n": "other", "chain": {"sequence": 2, "previous_sha256": first.entry.sha256}}
    )
    forged = Stored(entry=replace(second.entry, sha256=sha256_of(other)), text=other)

    assert flawed([first, forged, third]) == [3]


def test_a_report_carries_the_place_that_it_has():
    first, second, _ = chain()
    text = json.dumps({"chain": {"sequence": 7, "previous_sha256": first.entry.sha256}})
    moved = Stored(entry=replace(second.entry, sha256=sha256_of(text)), text=text)

    assert flawed([first, moved]) == [2]


@pytest.mark.parametrize(
    ("pruned", "keep", "flaw"),
    [
        (None, 30 * DAY, [2]),
        (None, None, [2]),
        (NOW + 30 * DAY, 30 * DAY, []),
        (NOW + 30 * DAY - SECOND, 30 * DAY, [2]),
        (NOW + SECOND, None, []),
    ],
)
def test_a_text_is_removed_by_retention_alone_and_not_before_its_time(pruned, keep, flaw):
    first, second, third = chain()
    gone = Stored(entry=replace(second.entry, pruned_at=pruned), text=None)

    assert flawed([first, gone, third], keep) == flaw


def test_an_entry_has_the_hash_of_its_text_and_is_tied_to_the_report_before():
    reports = chain()

    assert [r.entry.sha256 for r in reports] == [sha256_of(str(r.text)) for r in reports]
    assert all(b.entry.previous_sha256 == a.entry.sha256 for a, b in pairwise(reports))
    left = finished().evolve(ledger=(SERVER,))
    assert entry_of(left, Link(sequence=1, previous_sha256=""), "").left_behind
    assert not reports[0].entry.left_behind


# --- where a target stands -------------------------------------------------------------------------

PROVEN = replace(chain()[0].entry, finished_at=NOW)
BAD = replace(PROVEN, drill_id="d-9", verdict=Verdict.FAILED, finished_at=NOW + DAY)


@pytest.mark.parametrize(
    ("standing", "known_since", "expected"),
    [
        (Standing(target="a", proven=PROVEN), None, NOW + DAY),
        (Standing(target="a", proven=PROVEN), NOW + 9 * DAY, NOW + DAY),
        (Standing(target="a"), NOW + 9 * DAY, NOW + 10 * DAY),
        (Standing(target="a"), None, None),
    ],
)
def test_a_target_is_overdue_from_its_last_proof_on_or_since_it_is_known(
    standing, known_since, expected
):
    assert overdue_since(standing, DAY, known_since, samples=True) == expected


def entries(*kinds):
    """Of one target, in sequence: a verdict and the backup that the drill was about."""
    return [
        replace(PROVEN, sequence=n, drill_id=f"d-{n}", verdict=verdict, of=of)
        for n, (verdict, of) in enumerate(kinds, 1)
    ]


OK, NO, UNCLEAR = Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE
NEWEST, SAMPLE, ASKED = DrillOf.NEWEST, DrillOf.SAMPLE, DrillOf.ASKED


@pytest.mark.parametrize(
    ("kinds", "of_samples", "of_newest", "bad", "decisive"),
    [
        ([], None, None, 0, None),
        ([(OK, NEWEST)], "d-1", "d-1", 0, "d-1"),
        ([(OK, NEWEST), (OK, SAMPLE)], "d-2", "d-1", 0, "d-2"),
        ([(OK, SAMPLE)], "d-1", None, 0, "d-1"),
        ([(OK, NEWEST), (OK, ASKED)], "d-1", "d-1", 0, "d-1"),
        ([(OK, ASKED)], None, None, 0, None),
        # An older backup that was asked for hides no bad one, and its own fault counts.
        ([(OK, NEWEST), (NO, NEWEST), (OK, ASKED)], "d-1", "d-1", 1, "d-2"),
        ([(OK, NEWEST), (NO, NEWEST), (UNCLEAR, ASKED)], "d-1", "d-1", 2, "d-2"),
        ([(OK, NEWEST), (NO, ASKED)], "d-1", "d-1", 1, "d-2"),
        ([(NO, NEWEST), (OK, NEWEST)], "d-2", "d-2", 0, "d-2"),
    ],
)
def test_only_a_drill_of_the_newest_backup_proves_it(kinds, of_samples, of_newest, bad, decisive):
    standing = standing_of("a", entries(*kinds))

    def named(entry):
        return entry and entry.drill_id

    assert named(standing.proof(samples=True)) == of_samples
    assert named(standing.proof(samples=False)) == of_newest
    assert (standing.bad, named(standing.decisive)) == (bad, decisive)


def test_a_target_is_overdue_although_an_older_backup_was_verified():
    standing = standing_of("a", entries((OK, NEWEST), (OK, SAMPLE)))
    assert standing.proven is not None
    later = replace(standing.proven, finished_at=NOW + 9 * DAY)
    standing = replace(standing, proven=later)

    for samples, overdue in ((True, False), (False, True)):
        status = status_of(standing, DAY, NOW + 9 * DAY, samples=samples, left_behind=False)
        assert status.overdue is overdue
        assert status.newest_proven_at == NOW
        assert (overdue_since(standing, DAY, None, samples=samples) == NOW + DAY) is overdue


@pytest.mark.parametrize(
    ("proven", "now", "overdue"),
    [(PROVEN, NOW + DAY, False), (PROVEN, NOW + DAY + SECOND, True), (None, NOW, True)],
)
def test_a_proof_holds_as_long_as_is_allowed_and_what_was_never_proven_is_overdue(
    proven, now, overdue
):
    standing = Standing(target="a", decisive=BAD, newest_proven=proven, bad=1)

    status = status_of(standing, DAY, now, samples=False, left_behind=True)

    assert (status.overdue, status.verdict, status.drill_id) == (overdue, Verdict.FAILED, "d-9")
    assert (status.bad, status.left_behind) == (1, True)
    assert status.proven_at == (NOW if proven else None)


def test_a_target_that_was_never_drilled_has_no_verdict():
    status = status_of(Standing(target="a"), DAY, NOW, samples=False, left_behind=False)

    assert (status.verdict, status.drilled_at, status.drill_id) == (None, None, "")


@pytest.mark.parametrize(
    "changed", [{"target": "orders"}, {"verdict": Verdict.FAILED}, {"drill_id": "d-9"}]
)
def test_a_line_of_the_history_that_says_otherwise_than_its_report_is_a_flaw(changed):
    link = Link(sequence=1, previous_sha256="")
    tied = {"sequence": 1, "previous_sha256": ""}
    said = {"drill_id": "d-1", "target": "courses", "verdict": "verified", "chain": tied}
    text = json.dumps(said)
    entry = entry_of(finished(), link, text)

    assert flawed([Stored(entry=entry, text=text)]) == []
    (flaw,) = flaws([Stored(entry=replace(entry, **changed), text=text)])
    assert flaw.what.startswith(f"the report says {next(iter(changed))} ")
