"""What to do after a drill: said for each kind of trouble, and alike by every face of a report."""

import html as entities
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    Deployment,
    RestoreOutcome,
    Severity,
    Step,
    StepKind,
    Verdict,
)
from restorecheck.postgres.dump.selection import Selection, findings
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.report import document, html, markdown, terminal, wording
from restorecheck.report.advice import advise, do_now
from restorecheck.report.past import past_of
from tests.factories import NOW, SERVER
from tests.nights import check, night

FAILED, BAD, UNCLEAR = CheckOutcome.FAILED, Verdict.FAILED, Verdict.INCONCLUSIVE
CUT = check(
    "the newest dump is whole", kind="backup_file", outcome=FAILED, detail="tue.dump is truncated"
)
OLD = check(
    "the backup is young enough",
    kind="backup_file",
    outcome=FAILED,
    found="50.0 hours old",
    expected="at most 26.0 hours old",
)
OTHER = check(
    "the dump is of the right database",
    kind="backup_file",
    outcome=FAILED,
    found="shop",
    expected="courses",
)
WRONG = check("rows", kind="row_count", outcome=FAILED)
EMPTIED = check("no table was emptied", kind="not_emptied", outcome=FAILED)
ADOPTED = (Step(name="adopt", kind=StepKind.ADOPT, does="take it", deadline=timedelta(hours=1)),)
BEFORE = Baseline(drill_id="d-0", at=NOW, readings="")


def bad(*checks, restored="succeeded", **changes):
    return night(1, BAD, list(checks), restore_outcome=RestoreOutcome(restored), **changes)


def bare(text):
    """Without what faces add: escapes, spaces, breaks."""
    return re.sub(r"[\\`\s]", "", text)


def all_of(report):
    return " ".join(f"{item.text} {item.command}".strip() for item in advise(report))


KINDS = {
    "the newest dump is cut, the previous dump restores": (
        bad(CUT),
        ["tue.dump is truncated", "The previous dump restores", "1.dump", "backup job"],
        "The newest dump is damaged; an older one restores.",
    ),
    "the newest dump is cut, the one before it is wrong": (
        bad(CUT, WRONG),
        ["restores, but its data is wrong", "Look at the data in production"],
        "The newest dump is damaged; an older one restores, but its data is wrong.",
    ),
    "the newest dump is cut, the one before it does not restore": (
        bad(CUT, restored="failed"),
        ["The newest complete dump, 1.dump, does not restore.", "backup job"],
        "The newest dump is damaged; an older one does not restore.",
    ),
    "no dump is whole": (
        bad(CUT, restored="pending"),
        ["There is no other dump to restore", "backup job"],
        "The newest dump is damaged; no other dump was restored.",
    ),
    "there is no dump": (
        bad(check(), restored="pending", backup=None),
        ["There is no backup to restore", "backup job"],
        "There is no backup to restore.",
    ),
    "the dump is stale": (
        bad(OLD),
        ["50.0 hours old, expected at most 26.0 hours old", "itself restores", "backup job"],
        "The backup restores, but it is too old.",
    ),
    "the dump is stale and its data is wrong": (
        bad(OLD, WRONG),
        ["50.0 hours old", "Look at the data in production"],
        "The backup is too old, and its data is wrong.",
    ),
    "the newest dump is cut, the one before it is stale": (
        bad(CUT, OLD),
        [
            "tue.dump is truncated",
            "passed the required checks of its data: 1.dump",
            "newest complete dump is too old: 50.0 hours old",
            "backup job",
        ],
        "The newest dump is damaged; an older one restores.",
    ),
    "the dump is of another database": (
        bad(OTHER),
        ["of the database shop, expected was courses"],
        "The backup restores, but it is of another database.",
    ),
    "it does not restore": (
        bad(check(), restored="failed"),
        ["would not restore on its own server either", "Take a new backup now"],
        "The backup does not restore.",
    ),
    "the data differs from an earlier night": (
        bad(EMPTIED, baseline=BEFORE),
        [
            "differs from that of an earlier night",
            "Look at the data in production",
            "history accept d-1",
        ],
        "The backup restored, but its data differs from an earlier night.",
    ),
    "the data differs from an earlier night and is wrong in itself": (
        bad(EMPTIED, WRONG, baseline=BEFORE),
        ["differs from that of an earlier night", "Look at the data in production"],
        "The backup restored, but its data is wrong.",
    ),
    "the newest dump is cut, the data of the one before it differs": (
        bad(CUT, EMPTIED, baseline=BEFORE),
        ["tue.dump is truncated", "differs from that of an earlier night"],
        "The newest dump is damaged; an older one restores, but its data differs from an earlier night.",
    ),
    "an objective is missed": (
        bad(check(kind="rpo", outcome=FAILED)),
        ["back up more often"],
        "The backup restores, but an objective was missed.",
    ),
    "the restore took too long": (
        bad(check(kind="rto", outcome=FAILED)),
        ["on a faster machine", "objectives.rto_minutes"],
        "The backup restores, but an objective was missed.",
    ),
    "a check has no answer": (
        night(1, UNCLEAR, [check("newest answer", outcome=CheckOutcome.ERROR)]),
        ["could not tell whether the backup is good", "without an answer: newest answer"],
        "The drill could not decide whether the backup is good.",
    ),
    "the machine lacks something": (
        night(1, UNCLEAR, hint="Install PostGIS.", restore_outcome=RestoreOutcome.PENDING),
        ["Install PostGIS.", "could not tell whether the backup is good"],
        "The drill could not decide whether the backup is good.",
    ),
}


@pytest.mark.parametrize(("report", "said", "sentence"), KINDS.values(), ids=KINDS)
def test_each_kind_of_trouble_says_what_to_do(report, said, sentence):
    for words in said:
        assert words in all_of(report)
    assert "restorecheck drill courses" in all_of(report)
    assert wording.sentence(report) == sentence


@pytest.mark.parametrize("report", [kind[0] for kind in KINDS.values()], ids=KINDS)
def test_every_face_gives_the_same_advice_in_the_same_order(report):
    past = past_of([night(0), report])
    page = entities.unescape(re.sub(r"<[^>]+>", "", html.render(report, past)))
    ticket = entities.unescape(markdown.render(report, past))
    shown = terminal.render(report, past, color=False)

    for face in map(bare, (page, ticket, shown)):
        places = [
            face.index(bare(item.text + item.command))
            for item in advise(report, past.last_verified)
        ]
        assert places == sorted(places)


def test_a_check_that_compares_with_no_earlier_night_may_itself_be_wrong():
    assert "correct the check" in all_of(bad(WRONG))
    assert "correct the check" not in all_of(bad(EMPTIED, baseline=BEFORE))


def test_a_command_is_never_broken_over_lines_of_the_terminal():
    report = bad(EMPTIED, baseline=BEFORE, id="20260226-031500-abc123")

    lines = terminal.render(report, color=False).splitlines()

    for item in advise(report):
        assert any(item.command in line for line in lines)
    assert max(len(line) for line in lines[:12]) <= 112


def test_a_night_without_trouble_has_nothing_to_do():
    assert advise(night(0)) == ()
    assert "to do" not in terminal.render(night(0), color=False)
    assert "What to do" not in markdown.render(night(0), past_of([night(0)]))


def test_the_terminal_names_the_last_verified_backup():
    nights = [night(0), bad(CUT)]

    shown = terminal.render(nights[1], past_of(nights), color=False)

    assert "  proven    Newest backup known to restore: /b/1.dump." in shown
    alone = terminal.render(bad(WRONG), past_of([bad(WRONG)]), color=False)
    assert "  proven    No verified backup is known." in alone


def test_a_warning_that_stays_until_it_is_accepted_says_how_in_a_verified_night():
    changed = check(
        "the structure is the same",
        kind="structure_same",
        outcome=FAILED,
        severity=Severity.WARNING,
    )
    purged = check("e", kind="not_emptied", outcome=FAILED, severity=Severity.WARNING)

    assert "history accept d-2" in all_of(night(2, checks=[changed], baseline=BEFORE))
    assert all_of(night(2, checks=[changed])) == "", "there was no night to differ from"
    assert all_of(night(2, checks=[purged], baseline=BEFORE)) == "", "it is the next baseline"


def test_the_names_of_the_checks_on_files_are_those_that_the_drill_gives_them():
    file = Inspection(path=Path("/b/1.dump"), size_bytes=1, mtime_ns=0, dbname="shop")
    selection = Selection(chosen=file, damaged=(file,))

    results = findings(selection, max_age=timedelta(hours=1), databases=["courses"], now=NOW)

    ends = [wording.NEWEST_WHOLE, wording.RIGHT_DATABASE, wording.YOUNG]
    assert [result.name.endswith(end) for result, end in zip(results, ends, strict=True)] == [
        True
    ] * 3
    assert {result.kind for result in results} <= wording.OF_THE_FILE


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (bad(CUT), "look at the backup job: the newest dump is damaged, the previous dump"),
        (bad(CUT, restored="pending"), "no other dump restores"),
        (bad(OLD), "there is no recent backup"),
        (bad(OTHER), "wrong database"),
        (bad(OTHER, WRONG), "wrong database"),
        (bad(CUT, OLD, WRONG), "look at the backup job: the newest dump is damaged"),
        (bad(OLD, WRONG), "there is no recent backup"),
        (bad(check(), restored="pending", backup=None), "there is no recent backup"),
        (bad(WRONG), "check whether the data is still in production"),
        (bad(check(kind="rto", outcome=FAILED)), "the backup itself restores"),
        (bad(check(), restored="failed", backup=Backup(kind="dump", identifier="x")), "new backup"),
    ],
)
def test_a_headline_says_the_first_thing_to_do(report, said):
    assert said in do_now(report)


MILD = {"severity": Severity.WARNING}


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([check("a")], "1 passed"),
        ([check("a"), check("b", outcome=FAILED, **MILD)], "1 passed, 1 warning"),
        ([check("a", outcome=FAILED)], "1 required check failed"),
        (
            [check("a", outcome=FAILED), check("b", outcome=FAILED, **MILD)],
            "1 required check and 1 warning failed",
        ),
        (
            [check("a", outcome=CheckOutcome.ERROR), check("b", outcome=FAILED, **MILD)],
            "1 warning failed, 1 without an answer",
        ),
        (
            [check("a", outcome=CheckOutcome.SKIPPED), check("b", outcome=FAILED, **MILD)],
            "1 warning failed, 1 not asked",
        ),
        (
            [check("a", outcome=CheckOutcome.ERROR, **MILD), check("b")],
            "1 without an answer, 1 passed",
        ),
        ([], "No checks were run"),
    ],
)
def test_the_checks_in_a_line_say_what_is_required_and_what_only_warns(checks, said):
    assert wording.counted(night(checks=checks).checks if checks else []) == said


@pytest.mark.parametrize(
    ("report", "command"),
    [
        (bad(CUT), "When there is a new backup, drill it: restorecheck drill courses"),
        (bad(OLD), "When there is a new backup, drill it: restorecheck drill courses"),
        (bad(OTHER), "When there is a new backup, drill it: restorecheck drill courses"),
        (bad(check(), restored="pending", backup=None), "When there is a new backup"),
        (bad(WRONG), "restorecheck drill courses --keep"),
        (bad(CUT, WRONG), "restorecheck drill courses --keep"),
        (bad(CUT, restored="failed"), "Run the drill again: restorecheck drill courses"),
        (bad(WRONG, plan=ADOPTED), "restorecheck drill courses --adopt INSTANCE"),
    ],
)
def test_what_is_drilled_next_is_a_new_backup_where_only_the_file_is_at_fault(report, command):
    assert command in all_of(report)


def test_who_is_sent_to_the_job_is_sent_once():
    for report in (
        bad(CUT),
        bad(OLD),
        bad(CUT, OLD),
        bad(check(), restored="pending", backup=None),
    ):
        assert all_of(report).count("Look at the backup job") == 1


@pytest.mark.parametrize(
    ("checks", "settled"),
    [
        ([EMPTIED], True),
        ([EMPTIED, WRONG], False),
        ([EMPTIED, CUT], False),
        ([EMPTIED, check("late", kind="not_emptied", outcome=CheckOutcome.ERROR)], False),
        (
            [EMPTIED, check("mild", kind="row_count", outcome=FAILED, severity=Severity.WARNING)],
            True,
        ),
    ],
)
def test_an_acceptance_is_offered_only_where_it_settles_everything(checks, settled):
    assert ("history accept" in all_of(bad(*checks, baseline=BEFORE))) is settled


def test_of_the_checks_without_an_answer_the_required_ones_are_named():
    late = check("late", outcome=CheckOutcome.ERROR)
    mild = check("mild", outcome=CheckOutcome.ERROR, severity=Severity.WARNING)
    many = [check(f"c{n}", outcome=CheckOutcome.ERROR) for n in range(5)]

    assert "without an answer: late. " in all_of(night(1, UNCLEAR, [mild, late]))
    assert "without an answer: c0, c1, c2 and 2 more. " in all_of(night(1, UNCLEAR, many))
    assert "without an answer" not in all_of(night(1, UNCLEAR, [mild]))


MACHINE = "arn:aws:states:eu-west-1:222222222222:stateMachine:restorecheck-nightly"
IN_AWS = Deployment(nightly_machine=MACHINE, table="drills", bucket="reports")
START = f"""aws stepfunctions start-execution --region eu-west-1 --state-machine-arn {MACHINE} --input '{{"targets":["courses"]}}'"""


@pytest.mark.parametrize(
    ("report", "advice"),
    [
        (bad(CUT, deployment=IN_AWS), f"a new backup, drill it, with credentials of the backup account: {START}"),
        (bad(WRONG, deployment=IN_AWS), f"run the drill again: {START}"),
        (bad(CUT, restored="failed", deployment=IN_AWS), f"run the drill again: {START}"),
        (bad(WRONG, plan=ADOPTED, deployment=IN_AWS), "The next restore test of AWS Backup"),
        (bad(EMPTIED, baseline=BEFORE, deployment=IN_AWS), "--why REASON --table drills --bucket reports"),
        (bad(WRONG, ledger=(SERVER,), deployment=IN_AWS), "The sweeper function tries every hour"),
    ],
)  # fmt: skip
def test_the_report_of_a_deployment_names_commands_that_work_there(report, advice):
    said = all_of(report)

    assert advice in said
    for on_a_machine in ("restorecheck drill", "restorecheck sweep", "--keep", "--adopt"):
        assert on_a_machine not in said


def test_the_command_of_a_deployment_can_be_copied_from_every_face():
    report = bad(WRONG, deployment=IN_AWS)

    assert START in terminal.render(report, past_of([report]), color=False)
    assert f"`{START}`" in markdown.render(report, past_of([report]))
    assert START in entities.unescape(html.render(report, past_of([report])))


def test_a_report_from_before_deployments_were_recorded_is_read():
    fields = json.loads(bad(WRONG).to_json())
    del fields["deployment"]

    assert "restorecheck drill courses --keep" in all_of(document.parse(json.dumps(fields)))


def of_a_cluster(name, **changes):
    return check(name, kind=wording.OF_A_CLUSTER, outcome=FAILED, **changes)


GAP = of_a_cluster("recovery reached the end of the archive", detail="recovery ended in A1")


@pytest.mark.parametrize(
    ("failed", "headline", "advice"),
    [
        (
            of_a_cluster("the newest backup is whole", detail="20260227F is truncated"),
            "The newest backup is damaged; an older one restores.",
            "The previous backup restores and passed every required check",
        ),
        (
            of_a_cluster("the backup is young enough"),
            "The backup restores, but it is too old.",
            "The backup itself restores.",
        ),
        (
            GAP,
            "The backup restores, but WAL in its archive is missing or damaged.",
            "is missing or damaged: recovery ended in A1. Look at the archiving of WAL",
        ),
    ],
)
def test_a_finding_on_a_physical_backup_does_not_blame_its_data(failed, headline, advice):
    report = bad(failed, check())

    assert wording.sentence(report) == headline
    assert advice in all_of(report)
    assert "Look at the data" not in all_of(report)
    assert "When there is a new backup, drill it" in all_of(report)


def test_a_gap_in_the_wal_is_the_fault_of_the_archive():
    assert wording.at_fault(bad(GAP, check())) == "The WAL archive, not restorecheck"
    assert do_now(bad(GAP, check())) == "look at the WAL archive: WAL is missing or damaged."
