"""What every history promises; one suite, every store."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.errors import NotFoundError
from restorecheck.history import Acceptance, flaws, standing_of
from restorecheck.hosts.sources.drill_settings import baseline_of
from restorecheck.model import (
    Backup,
    CheckOutcome,
    CheckResult,
    Chosen,
    Select,
    SelectBy,
    Severity,
    Verdict,
)
from restorecheck.sqlite.store import SqliteStore
from restorecheck.testing import MemoryStore, World
from tests.contract.aws_store import simulated_store
from tests.contract.postgres_store import postgres_store
from tests.factories import NOW, SERVER, finished

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql", "aws"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore(World())
    elif request.param == "aws":
        with simulated_store() as made:
            yield made
    elif request.param == "postgresql":
        with postgres_store(request.getfixturevalue("history_server")) as made:
            yield made
    else:
        sqlite = SqliteStore(tmp_path / "history.sqlite")
        yield sqlite
        sqlite.close()


def compose(link):
    return json.dumps(
        {"chain": {"sequence": link.sequence, "previous_sha256": link.previous_sha256}}
    )


def counted(rows):
    return CheckResult(
        name="row count of answers",
        kind="row_count",
        database="courses",
        severity=Severity.REQUIRED,
        outcome=CheckOutcome.PASSED,
        measured={"rows": rows},
    )


def put(store, number, *, target="courses", verdict=Verdict.VERIFIED, night=None, **changes):
    at = NOW + (number if night is None else night) * DAY
    drill = finished().evolve(
        id=f"d-{number}",
        target=target,
        verdict=verdict,
        started_at=at - timedelta(minutes=5),
        finished_at=at,
        results=(counted(1000 + number),),
        **changes,
    )
    stored = store.create(drill.evolve(finished_at=None))
    store.finish(drill.evolve(version=stored.version), compose)


def ids(entries):
    return [entry.drill_id for entry in entries]


def test_reports_are_tied_to_each_other_across_targets(store):
    put(store, 1)
    put(store, 2, target="orders")
    put(store, 3)

    first, second, third = store.entries()

    assert (first.sequence, second.sequence, third.sequence) == (1, 2, 3)
    assert first.previous_sha256 == ""
    assert (second.previous_sha256, third.previous_sha256) == (first.sha256, second.sha256)
    assert list(flaws(store.stored())) == []


def test_an_entry_says_what_a_list_of_nights_needs(store):
    put(store, 1, verdict=Verdict.FAILED, ledger=(SERVER,), scheduled_for=NOW, announce=True)

    (entry,) = store.entries()

    assert (entry.target, entry.verdict) == ("courses", Verdict.FAILED)
    assert (entry.finished_at, entry.scheduled_for) == (NOW + DAY, NOW)
    assert (entry.left_behind, entry.announce) == (True, True)


def test_entries_are_found_by_target_time_and_place(store):
    for number in range(1, 6):
        put(store, number, target="courses" if number % 2 else "orders")

    assert ids(store.entries(target="orders")) == ["d-2", "d-4"]
    assert ids(store.entries(since=NOW + 4 * DAY)) == ["d-4", "d-5"]
    assert ids(store.entries(after=3)) == ["d-4", "d-5"]
    assert ids(store.entries(newest=2)) == ["d-4", "d-5"]
    assert ids(store.entries(target="courses", newest=2)) == ["d-3", "d-5"]
    assert ids(store.entries(target="nobody")) == []


def test_texts_come_with_their_entries(store):
    put(store, 1)
    put(store, 2, target="orders")

    assert [s.text for s in store.stored()] == [store.report("d-1"), store.report("d-2")]
    assert ids(s.entry for s in store.stored(target="orders")) == ["d-2"]


def test_a_target_stands_where_its_newest_and_its_newest_verified_drill_put_it(store):
    put(store, 1)
    put(store, 2, verdict=Verdict.FAILED)
    put(store, 3, target="orders")
    put(store, 4, verdict=Verdict.INCONCLUSIVE)

    standing = store.standing("courses")

    assert standing.proven.drill_id == "d-1"
    assert standing.latest.drill_id == "d-4"
    assert standing.bad == 2


def test_drills_that_were_not_verified_are_counted_from_the_last_proof_on(store):
    nights = [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.VERIFIED, Verdict.FAILED]
    bad = []
    for number, verdict in enumerate(nights):
        put(store, number, verdict=verdict)
        put(store, 100 + number, target="orders", night=number)
        bad.append(store.standing("courses").bad)

    assert bad == [1, 2, 0, 1]
    assert store.standing("courses").proven.drill_id == "d-2"
    assert store.standing("orders").bad == 0


def test_a_target_that_was_never_drilled_stands_nowhere(store):
    standing = store.standing("courses")

    assert (standing.latest, standing.proven, standing.bad) == (None, None, 0)


def of_an_older_backup(*, asked):
    chosen = Chosen(by=SelectBy.OLDEST, of=2, newest="/b/2.dump")
    return {
        "select": Select(by=SelectBy.OLDEST),
        "asked": asked,
        "backup": Backup(kind="dump", identifier="/b/1.dump", chosen=chosen),
    }


def test_an_older_backup_proves_only_a_target_that_drills_samples(store):
    put(store, 1)
    put(store, 2, verdict=Verdict.FAILED)
    put(store, 3, **of_an_older_backup(asked=False))
    put(store, 4, **of_an_older_backup(asked=True))
    put(store, 5, verdict=Verdict.FAILED)
    put(store, 6, verdict=Verdict.INCONCLUSIVE, **of_an_older_backup(asked=True))

    assert store.standing("courses") == standing_of("courses", store.entries(target="courses"))
    standing = store.standing("courses")
    assert standing.proof(samples=True).drill_id == "d-3"
    assert standing.proof(samples=False).drill_id == "d-1"
    assert (standing.latest.drill_id, standing.decisive.drill_id) == ("d-6", "d-5")
    assert [entry.of.value for entry in store.entries()] == [
        "newest", "newest", "sample", "asked", "newest", "asked",
    ]  # fmt: skip

    store.prune(NOW + 100 * DAY, NOW + 100 * DAY)

    kept = ids(s.entry for s in store.stored() if s.text)
    assert kept == ["d-1", "d-3", "d-5", "d-6"]


def test_an_older_backup_that_was_asked_for_first_proves_nothing(store):
    put(store, 1, **of_an_older_backup(asked=True))

    standing = store.standing("courses")

    assert (standing.proven, standing.newest_proven, standing.decisive) == (None, None, None)
    assert (standing.latest.drill_id, standing.bad) == ("d-1", 0)


def test_a_chosen_backup_that_is_the_newest_proves_it(store):
    newest = Backup(
        kind="dump",
        identifier="/b/2.dump",
        chosen=Chosen(by=SelectBy.NAMED, of=2, newest="/b/2.dump"),
    )
    put(store, 1, select=Select(by=SelectBy.NAMED, name="2.dump"), asked=True, backup=newest)

    assert store.standing("courses").newest_proven.drill_id == "d-1"


def test_retention_drops_old_texts_and_keeps_the_chain(store):
    for number in range(1, 6):
        put(store, number)

    assert store.prune(NOW + 4 * DAY, NOW + 5 * DAY) == 3
    assert store.prune(NOW + 4 * DAY, NOW + 5 * DAY) == 0

    assert [s.text is None for s in store.stored()] == [True, True, True, False, False]
    assert list(flaws(store.stored())) == []
    for entries in (store.entries(), store.entries(target="courses")):
        assert [e.pruned_at for e in entries] == [NOW + 5 * DAY] * 3 + [None] * 2
    with pytest.raises(NotFoundError):
        store.report("d-1")


def test_texts_are_the_newest_until_a_moment_without_those_that_were_removed(store):
    for number in range(5):
        put(store, number)
    assert store.prune(NOW + DAY, NOW + 9 * DAY) == 1

    def texts(until, newest, target="courses"):
        return store.texts(target, until=NOW + until * DAY, newest=newest)

    whole = tuple(store.report(f"d-{number}") for number in range(1, 5))
    assert texts(9, 2) == whole[2:]
    assert texts(3, 9) == whole[:3]
    assert texts(9, 9) == whole
    assert texts(9, 9, "orders") == ()


def test_texts_are_as_many_as_were_asked_for_whatever_was_removed_between_them(store):
    put(store, 0)
    for number in range(1, 4):
        put(store, number, verdict=Verdict.FAILED)
    assert store.prune(NOW + 100 * DAY, NOW + 100 * DAY) == 2

    found = store.texts("courses", until=NOW + 9 * DAY, newest=2)

    assert found == (store.report("d-0"), store.report("d-3"))


def test_retention_spares_the_newest_and_the_newest_verified_of_each_target(store):
    put(store, 1)
    put(store, 2)
    put(store, 3, verdict=Verdict.FAILED)
    put(store, 4, verdict=Verdict.FAILED)
    put(store, 5, target="orders", verdict=Verdict.INCONCLUSIVE)

    store.prune(NOW + 100 * DAY, NOW + 100 * DAY)

    assert ids(s.entry for s in store.stored() if s.text) == ["d-2", "d-4", "d-5"]
    put(store, 6)
    assert list(flaws(store.stored())) == []


@pytest.mark.parametrize("victim", range(5))
def test_a_chain_with_a_changed_missing_or_emptied_report_has_a_flaw(store, victim):
    for number in range(1, 6):
        put(store, number)
    whole = list(store.stored())
    report = whole[victim]

    changed = [*whole]
    changed[victim] = replace(report, text=report.text + " ")
    rehashed = [*whole]
    rehashed[victim] = replace(
        report,
        text=report.text.replace("1", "7"),
        entry=replace(report.entry, sha256="0" * 64),
    )
    emptied = [*whole]
    emptied[victim] = replace(report, text=None)
    missing = [other for other in whole if other is not report]
    swapped = [*whole]
    other = (victim + 1) % 5
    swapped[victim] = replace(report, text=whole[other].text, entry=report.entry)

    assert list(flaws(changed))
    assert list(flaws(rehashed))
    assert list(flaws(emptied))
    assert list(flaws(swapped))
    # The last one can be cut off unseen; a hash that somebody was told shows it.
    expected = [(victim + 2, f"1 report before this one missing, from {victim + 1}")]
    found = [(flaw.sequence, flaw.what) for flaw in flaws(missing)]
    assert found == (expected if victim != 4 else [])


def test_what_retention_removed_before_its_time_is_a_flaw(store):
    for number in range(1, 4):
        put(store, number)
    store.prune(NOW + 2 * DAY, NOW + 3 * DAY)

    assert list(flaws(store.stored(), keep=2 * DAY)) == []
    (flaw,) = flaws(store.stored(), keep=30 * DAY)
    assert "too early" in flaw.what


# --- what was accepted ------------------------------------------------------------------------


def accept(store, number, why="it is right"):
    entry = next(entry for entry in store.entries() if entry.drill_id == f"d-{number}")
    acceptance = Acceptance(
        target=entry.target,
        drill_id=entry.drill_id,
        sequence=entry.sequence,
        at=NOW,
        by="ann",
        why=why,
    )
    store.accept(acceptance)
    return acceptance


def compared(store):
    found = baseline_of(store, "courses")
    assert found is not None
    return found


def test_the_newest_drill_that_somebody_accepted_is_remembered(store):
    for number in range(3):
        put(store, number, verdict=Verdict.FAILED)
    assert store.acceptance("courses") is None

    accept(store, 0)
    second = accept(store, 2, why="a purge")

    assert store.acceptance("courses") == second
    assert store.acceptance("shop") is None


def test_tonight_is_compared_with_the_last_verified_or_a_later_accepted_night(store):
    put(store, 0, readings="first")
    put(store, 1, verdict=Verdict.FAILED, readings="second")
    assert baseline_of(store, "nobody") is None
    assert compared(store).readings == "first"

    accept(store, 1)
    assert compared(store).readings == "second"
    assert compared(store).accepted_because == "it is right"

    put(store, 2, readings="third")
    assert compared(store).readings == "third"
    assert compared(store).accepted_by == ""


def test_a_night_that_kept_no_readings_is_nothing_to_compare_with(store):
    put(store, 0)

    assert baseline_of(store, "courses") is None


def test_retention_spares_what_was_accepted(store):
    put(store, 0)
    put(store, 1, verdict=Verdict.FAILED, readings="kept")
    accept(store, 1)
    put(store, 2, verdict=Verdict.FAILED)

    put(store, 3, verdict=Verdict.FAILED)

    store.prune(NOW + 100 * DAY, NOW + 100 * DAY)

    assert compared(store).readings == "kept"
    assert ids(s.entry for s in store.stored() if s.text) == ["d-0", "d-1", "d-3"]
