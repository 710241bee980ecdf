"""What a message says, in its first line and after."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from restorecheck.announcing import Finished, Kind, News, Overdue, Skipped, Trouble
from restorecheck.model import Verdict
from restorecheck.report.message import compose, to_do

NIGHT = datetime(2026, 2, 26, 3, 16, tzinfo=UTC)
DRILL = Finished(
    target="courses",
    at=NIGHT,
    drill_id="20260226-031500-abc123",
    verdict=Verdict.FAILED,
    reason="row count of answers: expected at least 1,000,000, found 12",
    hint="Look at the backup job.",
    sha256="ab" * 32,
)
FAILED = News(kind=Kind.FAILED, fact=DRILL, bad=1, bad_since=NIGHT)


def message(*news, report_url=None):
    return compose(news, report_url=report_url, host="db-1")


def test_the_first_line_of_a_failed_drill_says_what_to_do_now():
    assert message(FAILED).title == (
        "courses: FAILED. Do now: take a new backup, then find out why this one failed."
    )


def test_what_the_report_says_to_do_goes_before_what_is_said_of_every_failed_drill():
    advised = replace(FAILED, fact=replace(DRILL, do_now="Restore from\x1b[2J d-0"))

    said = to_do(advised)

    assert said.startswith("Do now: Restore from")
    assert said.endswith("d-0")
    assert "\x1b" not in said
    assert said != to_do(FAILED)


def test_a_message_has_reason_hint_hash_and_the_command_that_shows_the_report():
    lines = message(FAILED).text.splitlines()

    assert "row count of answers: expected at least 1,000,000, found 12" in lines
    assert "Look at the backup job." in lines
    assert "report: restorecheck report 20260226-031500-abc123" in lines
    assert f"sha256 of the report: {'ab' * 32}" in lines
    assert lines[-1] == "sent by restorecheck on db-1"


def test_a_message_has_the_words_of_the_page_and_whom_to_call_about_it():
    drill = replace(DRILL, says="The backup does not restore.", contact="Call 901820")

    failed, good = (
        message(News(kind=kind, fact=drill, bad=1, bad_since=NIGHT))
        for kind in (Kind.FAILED, Kind.VERIFIED)
    )

    assert failed.text.splitlines()[1:3] == [drill.says, drill.reason]
    assert "whom to call: Call 901820" in failed.text
    assert json.loads(failed.payload)["events"][0]["contact"] == drill.contact
    assert "whom to call" not in good.text


def test_a_link_leads_to_the_report_where_reports_are_published():
    text = message(FAILED, report_url="https://backups.example/{target}/{drill_id}").text

    assert "report: https://backups.example/courses/20260226-031500-abc123" in text


def test_several_bad_drills_are_counted():
    news = replace(FAILED, bad=3, bad_since=NIGHT - timedelta(days=2), quiet=5)

    text = message(news).text

    assert "3 drills not verified since 2026-02-24 03:16 UTC" in text
    assert "repeated 5 times since the last message" in text


def test_a_recovery_says_how_long_it_was_bad():
    news = News(
        kind=Kind.RECOVERED,
        fact=replace(DRILL, verdict=Verdict.VERIFIED),
        bad=2,
        bad_since=NIGHT - timedelta(days=2),
    )

    assert message(news).title == "courses: RECOVERED. Nothing to do: the backup restores again."
    assert "2 drills not verified since 2026-02-24 03:16 UTC" in message(news).text


def test_what_is_overdue_says_since_when():
    overdue = Overdue(
        target="courses",
        at=NIGHT,
        proven_at=NIGHT - timedelta(hours=50),
        allowed=timedelta(hours=30),
    )

    text = message(News(kind=Kind.OVERDUE, fact=overdue)).text

    assert "last verified 2026-02-24 01:16 UTC, 2 days 2 h ago; limit: 30 h" in text
    never = message(News(kind=Kind.OVERDUE, fact=replace(overdue, proven_at=None))).text
    assert "never verified; limit: 30 h" in never


def test_what_is_left_behind_is_named():
    news = News(kind=Kind.LEFT_BEHIND, fact=replace(DRILL, left=("instance restorecheck-x",)))

    assert "restorecheck sweep" in message(news).title
    assert "left: instance restorecheck-x" in message(news).text


def test_a_message_of_a_deployment_names_its_page_and_its_sweeper():
    fact = replace(DRILL, left=("instance restorecheck-x",), page="s3://reports/pages/courses.html")

    made = message(News(kind=Kind.LEFT_BEHIND, fact=fact))

    assert "sweeper function" in made.title
    assert "report: s3://reports/pages/courses.html" in made.text


def test_several_things_become_one_message_with_the_gravest_first():
    good = replace(DRILL, target="orders", verdict=Verdict.VERIFIED)
    trouble = Trouble(target="", at=NIGHT, reason="the history cannot be written")
    made = message(
        News(kind=Kind.RECOVERED, fact=good, bad=1, bad_since=NIGHT),
        News(kind=Kind.TROUBLE, fact=trouble),
        FAILED,
    )

    assert made.title == "Do now: look at 2 problems: courses failed, restorecheck trouble"
    assert made.kinds == (Kind.FAILED, Kind.TROUBLE, Kind.RECOVERED)
    assert made.text.index("courses: FAILED") < made.text.index("restorecheck: TROUBLE")


def test_good_news_of_several_targets_needs_nobody():
    news = [
        News(kind=Kind.VERIFIED, fact=replace(DRILL, target=name, verdict=Verdict.VERIFIED))
        for name in ("a", "b")
    ]

    assert message(*news).title == "Nothing to do: a, b verified"


def test_names_from_elsewhere_cannot_break_a_message():
    hostile = "x\x1b[31m\r\nBcc: all@example.org\u202e" + "y" * 10_000
    news = replace(FAILED, fact=replace(DRILL, reason=hostile))

    made = message(news)

    assert "\x1b" not in made.text
    assert "\nBcc" not in made.text
    assert max(len(line) for line in made.text.splitlines()) <= 500
    assert "\n" not in made.title
    assert len(made.title) <= 200


def test_a_hundred_news_are_told_short():
    news = [replace(FAILED, fact=replace(DRILL, target=f"t-{n}")) for n in range(100)]

    made = message(*news)

    assert "… and 80 more" in made.text
    assert len(made.title) <= 200
    assert len(json.loads(made.payload)["events"]) == 100


def test_programs_get_the_same_as_json():
    skipped = Skipped(target="courses", at=NIGHT, due_at=NIGHT, reason="the machine slept")
    made = message(FAILED, News(kind=Kind.SKIPPED, fact=skipped))

    payload = json.loads(made.payload)

    assert payload["schema_version"] == 1
    failed, missed = payload["events"]
    assert (failed["kind"], failed["verdict"]) == ("failed", "failed")
    assert (failed["drill_id"], failed["report_sha256"]) == (DRILL.drill_id, "ab" * 32)
    assert (missed["kind"], missed["due_at"]) == ("skipped", "2026-02-26T03:16:00+00:00")


def test_what_was_skipped_or_is_in_trouble_says_why():
    skipped = News(
        kind=Kind.SKIPPED,
        fact=Skipped(target="courses", at=NIGHT, due_at=NIGHT, reason="the disk is full"),
    )
    trouble = News(
        kind=Kind.TROUBLE, fact=Trouble(target="", at=NIGHT, reason="the store is locked")
    )

    assert "2026-02-26 03:16" in message(skipped).text
    assert "the disk is full" in message(skipped).text
    assert "the store is locked" in message(trouble).text


def test_each_kind_of_news_says_what_to_do_or_that_there_is_nothing():
    said = {kind: to_do(News(kind=kind, fact=DRILL)) for kind in Kind}

    assert len({*said.values()}) == len(Kind)
    idle = {kind for kind, text in said.items() if not text.startswith("Do now: ")}
    assert idle == {Kind.SKIPPED, Kind.RECOVERED, Kind.VERIFIED}
