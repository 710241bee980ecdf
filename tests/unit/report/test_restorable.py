"""Ten questions of an engineer on call, answered by each face of a report that is not verified."""

import html as entities
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.model import (
    Backup,
    CheckOutcome,
    Chosen,
    Resource,
    RestoreOutcome,
    Retention,
    Select,
    SelectBy,
    Severity,
    TeardownOutcome,
)
from restorecheck.report import html, markdown, terminal, wording
from restorecheck.report.document import DeploymentReport
from restorecheck.report.past import past_of
from restorecheck.report.restorable import restorable, to_restore
from tests.factories import NOW
from tests.nights import check, night
from tests.unit.report.test_advice import CUT, EMPTIED, OLD, OTHER, UNCLEAR, WRONG, bad
from tests.unit.report.test_terminal import ADOPTED

CONTACT = "Database on call, +49 30 901820"
YESTERDAY = Backup(
    kind="dump", identifier="/b/mon.dump", taken_at=NOW - timedelta(hours=3), size_bytes=9
)
TONIGHT = Backup(kind="dump", identifier="/b/tue.dump", taken_at=NOW + timedelta(hours=21))
BEFORE = night(0, backup=YESTERDAY)
THE_OTHER = "the newest dump of shop is whole"


def told(report, before=BEFORE):
    """As text, by each face."""
    past = past_of([one for one in (before, report) if one])
    page = entities.unescape(re.sub(r"<[^>]+>", "", html.render(report, past)))
    ticket = entities.unescape(markdown.render(report, past))
    shown = terminal.render(report, past, color=False)
    return [
        re.sub(r"[\\`\s\u00a0]+", " ", face).replace("\\", "") for face in (page, ticket, shown)
    ]


def named(report, *before):
    known = restorable(report, past_of([*before, report]))
    return known and known.backup


KINDS = {
    "the newest dump is cut, that of yesterday restores": (
        bad(CUT, check(), backup=YESTERDAY, contact=CONTACT),
        [
            "Newest backup known to restore: /b/mon.dump",
            "Restored in this drill",
            "Its restore took 1 min 1 s.",
            "The backup job, not restorecheck",
        ],
    ),
    "the backup is stale": (
        bad(OLD, check(), backup=YESTERDAY, contact=CONTACT),
        ["Newest backup known to restore: /b/mon.dump", "The backup job, not restorecheck"],
    ),
    "the backup does not restore": (
        bad(check(), backup=TONIGHT, restored="failed", contact=CONTACT),
        [
            "Newest backup known to restore: /b/mon.dump",
            "Its restore took 1 min.",
            "The backup: it does not restore",
        ],
    ),
    "the data differ": (
        bad(EMPTIED, check(), backup=TONIGHT, contact=CONTACT),
        [
            "Newest backup known to restore: /b/mon.dump",
            "Verified 2026-02-27 03:18 UTC.",
            "The backup: its data is wrong",
        ],
    ),
    "the drill could not tell": (
        night(
            1,
            UNCLEAR,
            [check(outcome=CheckOutcome.SKIPPED)],
            backup=None,
            restore_outcome=RestoreOutcome.PENDING,
            contact=CONTACT,
        ),
        [
            "Newest backup known to restore: /b/mon.dump",
            "The drill: the backup is not known to be bad",
            "none could be read; see the reason",
        ],
    ),
}


@pytest.mark.parametrize(("report", "answers"), KINDS.values(), ids=KINDS)
def test_a_report_alone_answers_the_engineer_on_call(report, answers):
    for face in told(report):
        for answer in (
            *answers,
            f"Data after {NOW - timedelta(hours=3):%Y-%m-%d %H:%M} UTC is not in it.",
            "(1 night)",
            CONTACT,
            "restorecheck drill courses",
            "Is production untouched?",
            "Yes: the backup was only read",
            "nothing is left",
        ):
            assert answer in face


def test_who_is_to_be_called_is_said_only_where_there_is_a_reason_to_call():
    left = night(
        ledger=(Resource(kind="server", identifier="s"),),
        teardown_outcome=TeardownOutcome.INCOMPLETE,
        contact=CONTACT,
    )

    assert all(f"Whom to call: {CONTACT}" in face for face in told(left))
    assert not any("Whom to call" in face for face in told(night(contact=CONTACT)))
    assert not any("Whom to call" in face for face in told(bad(CUT)))


@pytest.mark.parametrize(
    "report",
    [
        bad(CUT, WRONG, check(), backup=TONIGHT),
        bad(OTHER, check(), backup=TONIGHT),
        bad(check(), backup=TONIGHT),
        bad(OLD, backup=TONIGHT),
        bad(OLD, check(severity=Severity.WARNING), backup=TONIGHT),
        bad(OLD, check(), backup=TONIGHT, restored="failed"),
        bad(
            check(THE_OTHER, kind="backup_file", outcome=CheckOutcome.FAILED),
            check(),
            backup=TONIGHT,
        ),
        night(1, UNCLEAR, [check(), check("late", outcome=CheckOutcome.ERROR)], backup=TONIGHT),
    ],
)
def test_a_backup_that_is_not_proven_is_never_called_one_that_restores(report):
    assert restorable(report, past_of([report])) is None
    assert named(report, BEFORE) == "/b/mon.dump"


def test_of_a_verified_drill_its_own_backup_is_the_one():
    report = night(1, backup=TONIGHT)

    known = restorable(report, past_of([BEFORE, report]))

    assert known
    assert (known.backup, known.verified_at) == ("/b/tue.dump", report.finished_at)


def sample(days, *, newest="/b/tue.dump"):
    """Of an older backup, which was chosen."""
    chosen = Chosen(by=SelectBy.RANDOM, of=3, newest=newest)
    taken_at = NOW - timedelta(days=days)
    backup = Backup(kind="dump", identifier=f"/b/{days}.dump", taken_at=taken_at, chosen=chosen)
    return {"backup": backup, "select": Select(by=SelectBy.RANDOM)}


def test_an_older_backup_that_was_verified_later_is_not_the_one_to_restore():
    tonight = bad(EMPTIED, check(), backup=TONIGHT)

    assert named(tonight, BEFORE, night(0, **sample(20))) == "/b/mon.dump"
    samples = [night(0, **sample(5)), night(0, **sample(20))]
    assert named(tonight, *samples) == "/b/5.dump"


def test_an_older_backup_that_was_verified_ends_no_series_of_bad_nights():
    tonight = bad(EMPTIED, check(), backup=TONIGHT)
    nights = [BEFORE, tonight, night(0, **sample(20)), tonight]

    assert past_of(nights).nights_not_verified == 2
    assert past_of(nights).not_verified_since == tonight.finished_at
    assert past_of([*nights, night(0, **sample(30))]).nights_not_verified == 0


def test_every_face_says_what_a_drill_of_an_older_backup_does_not_prove():
    report = night(1, **sample(20))

    for face in told(report):
        assert "no proof of the newest backup, which was last proven 2026-02-27 03:18 UTC" in face
    for face in told(report, before=None):
        assert "which was not proven in any drill of this target that is known" in face
    for face in (*told(BEFORE, before=None), *told(night(1, **sample(0, newest="/b/0.dump")))):
        assert "no proof of the newest" not in face


def test_a_drill_that_only_misses_an_objective_has_a_backup_to_restore():
    report = bad(check(kind="rto", outcome=CheckOutcome.FAILED), check(), backup=TONIGHT)

    assert named(report) == "/b/tue.dump"
    assert wording.at_fault(report) == "Neither: the backup restores, an objective was missed"


def test_what_is_kept_on_purpose_is_said_to_cost_money():
    kept = night(
        parked=(Resource(kind="db-instance", identifier="standby"),),
        retention=Retention(kept=("c-1", "c-2")),
    )

    page, ticket, shown = told(kept)

    for face in (page, ticket):
        assert "kept on purpose, may cost money: 1 stopped standby and 2 copies" in face
    assert "parked: db-instance standby" in shown
    assert "2 kept" in shown


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dump", "the backup was only read"),
        ("rds", "its snapshot was only copied"),
        ("aurora", "its snapshot was only copied"),
    ],
)
def test_what_was_done_to_production_is_said_of_each_kind_of_backup(kind, said):
    assert said in wording.production(night(backup=Backup(kind=kind, identifier="x")))


def test_how_restore_time_and_size_change_is_said_by_every_face():
    nights = [
        night(n, backup=Backup(kind="dump", identifier=f"/b/{n}.dump", size_bytes=1_000_000 * n))
        for n in range(1, 9)
    ]
    past = past_of(nights)

    for face in (
        html.render(nights[-1], past),
        markdown.render(nights[-1], past),
        terminal.render(nights[-1], past, color=False),
    ):
        flat = re.sub(r"[\s\u00a0]+", " ", face)
        assert "Estimate for the next: about 1 min 9 s." in flat
        assert "8.0 MB in this drill; 7 drills ago: 1.0 MB" in flat


def test_the_terminal_says_that_the_backup_is_that_of_the_drill_before():
    nights = [BEFORE, night(1, backup=YESTERDAY)]

    shown = terminal.render(nights[1], past_of(nights), color=False)

    assert "the same backup as in the drill of 2026-02-2" in shown
    assert "the same backup" not in terminal.render(nights[1], color=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backup": TONIGHT}, "the backup was only read"),
        ({"backup": replace(TONIGHT, kind="rds")}, "snapshot was only copied"),
        ({"backup": None}, "the backup was only read"),
        ({"backup": replace(TONIGHT, kind="rds"), "plan": ADOPTED}, "instance was only read"),
    ],
)
def test_what_was_done_instead_of_touching_production_is_what_this_kind_of_drill_does(
    changes, said
):
    answer = wording.production(night(1, **changes))

    assert answer.startswith("Yes")
    assert said in answer


def test_the_runbook_is_named_where_a_backup_is_known():
    report = bad(EMPTIED, check(), backup=TONIGHT, contact=CONTACT)
    said = to_restore(report, past_of([BEFORE]))
    assert said.endswith(f"How: restorecheck bring-back {report.target}")
    there = DeploymentReport(nightly_machine="arn:m", table="t", bucket="b")
    known = restorable(report.model_copy(update={"deployment": there}), past_of([BEFORE]))
    assert known is not None
    assert known.command.endswith(f"bring-back {report.target} --table t --bucket b")
