"""What reports say of a backup that was chosen on purpose, and of the moment that was reached."""

from datetime import timedelta

import pytest

from restorecheck.announcing import Finished, Kind, News
from restorecheck.model import Backup, Chosen, Recovered, SelectBy, Verdict
from restorecheck.report import html, markdown, terminal, wording
from restorecheck.report.advice import do_now
from restorecheck.report.message import to_do
from restorecheck.report.past import Past
from tests.factories import NOW
from tests.nights import DAY, night, status
from tests.unit.report.test_advice import CUT, OLD, all_of, bad, bare


def of(how=None, recovered=None):
    return Backup(
        kind="dump", identifier="/b/1.dump", taken_at=NOW - DAY, chosen=how, recovered=recovered
    )


def by(rule, **more):
    return Chosen(by=rule, of=7, oldest_at=NOW - 6 * DAY, newest_at=NOW, **more)


OLDEST = of(by(SelectBy.OLDEST))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (by(SelectBy.NEWEST), "the newest of 7 backups, the oldest of "),
        (by(SelectBy.OLDEST), "the oldest of 7 backups"),
        (by(SelectBy.NAMED), "by its name, of 7 backups"),
        (by(SelectBy.RANDOM, seed="s 1", within=3 * DAY), "at random from 7 backups of the last 3 days"),
        (by(SelectBy.ROTATING), "in turn, drilled longest ago or never, of 7 backups"),
    ],
)  # fmt: skip
def test_every_face_says_how_a_backup_was_chosen_and_from_how_many(how, said):
    report = night(backup=of(how))

    faces = (
        html.render(report, Past(())),
        markdown.render(report, Past(())),
        terminal.render(report, color=False),
    )

    assert wording.chosen(report.backup).startswith(said)
    assert all(bare(said) in bare(face) for face in faces)


def test_a_damaged_backup_that_was_chosen_says_nothing_of_the_newest():
    report = bad(CUT, backup=OLDEST)

    assert wording.sentence(report).startswith("The chosen backup is damaged.")
    assert do_now(report) == "drill the other backups: the chosen one is damaged."
    assert "The chosen dump is damaged: tue.dump is truncated. Find out since when" in all_of(
        report
    )


def test_a_chosen_backup_restores_although_the_newest_one_is_too_old():
    report = bad(OLD, backup=OLDEST)

    assert wording.sentence(report).startswith(
        "The chosen backup restores, but the newest backup is too old."
    )
    assert "The newest backup is too old: 50.0 hours old" in all_of(report)
    assert "The chosen one restores." in all_of(report)


def test_every_face_says_which_moment_was_asked_for_and_what_was_reached():
    known = Recovered(
        asked="random",
        to="2026-02-25 01:00:00+00",
        lsn="0/3000148",
        timeline=2,
        newest_commit=NOW - DAY,
        archive_until=NOW - timedelta(hours=1),
    )
    report = night(backup=of(recovered=known))

    said = wording.recovered(report.backup)

    assert said.startswith("to random (2026-02-25 01:00:00+00): reached 0/3000148 on timeline 2, ")
    assert said.endswith("the archive ends 1 h before the drill")
    for face in (
        html.render(report, Past(())),
        markdown.render(report, Past(())),
        terminal.render(report, color=False),
    ):
        assert "0/3000148" in face


def test_without_a_known_end_of_the_archive_no_loss_is_stated():
    quiet = Recovered(asked="immediate", lsn="0/3000148", timeline=1)
    none = Recovered(asked="latest")

    assert (
        wording.recovered(night(backup=of(recovered=quiet)).backup)
        == "to immediate: reached 0/3000148 on timeline 1"
    )
    assert wording.recovered(night(backup=of(recovered=none)).backup) == ""


@pytest.mark.parametrize(
    ("asked", "comparable"), [("latest", True), ("immediate", True), ("time x", False), ("random", False)]
)  # fmt: skip
def test_only_a_moment_that_is_the_same_each_night_is_compared(asked, comparable):
    assert Recovered(asked=asked).to_the_end is comparable


def test_a_verified_drill_of_an_older_backup_is_announced_as_no_proof_of_the_newest():
    fact = Finished(
        target="shop", at=NOW, drill_id="d", verdict=Verdict.VERIFIED, reason="ok", proves=False
    )

    assert "no proof of the newest" in to_do(News(kind=Kind.VERIFIED, fact=fact))


def test_the_index_says_when_the_newest_backup_of_a_target_of_samples_was_last_proven():
    page = html.render_index([status("shop", samples=True)], {}, {}, NOW)

    assert "Drills samples; the newest backup was never proven by this target" in page
