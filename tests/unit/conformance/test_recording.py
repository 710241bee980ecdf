"""The format of a recording, and what is read from one."""

from pathlib import Path

import pytest

from restorecheck.conformance import comparing, reading, recording
from restorecheck.conformance.experiments import STEPS
from restorecheck.conformance.questions import BY_ID, QUESTIONS
from restorecheck.errors import RestorecheckError

HEADER = recording.Header(
    restorecheck="1", botocore="1", simulated=True, regions=("eu-west-1", "eu-west-1")
)


def call(at=0.0, **changes):
    values = {"step": "share", "account": "backup", "service": "rds", "operation": "CopyDBSnapshot"}
    return recording.RecordedCall(at=at, **{**values, "parameters": {}, **changes})


def text_of(*lines):
    pairs = zip((None, *lines), (*lines, None), strict=False)
    return "".join(recording.as_line(line, before) for before, line in pairs if line)


def made(*lines):
    return recording.parse(text_of(HEADER, *lines))


def done(step, outcome="done"):
    return recording.StepEnd(at=9, step=step, outcome=outcome)


def test_what_was_written_is_what_is_read():
    lines = (
        call(1.0, answer={"DBSnapshot": {}}),
        done("share"),
        recording.End(at=9, ended="complete"),
    )

    assert made(*lines).lines == lines


def test_a_call_that_repeats_the_one_before_is_short_in_the_file_and_whole_when_read():
    text = text_of(
        HEADER, call(1.0, answer={"Status": "creating"}), call(2.0, answer={"Status": "creating"})
    )

    assert text.splitlines()[-1] == '{"at": 2.0, "same": true}'
    assert [c.answer for c in recording.parse(text).calls("share")] == [{"Status": "creating"}] * 2


def test_the_recording_of_a_killed_run_is_read_up_to_its_last_whole_line():
    text = text_of(HEADER, call(1.0), call(2.0, operation="DescribeDBSnapshots"))

    cut = recording.parse(text[:-20])

    assert len(cut.calls("share")) == 1
    assert cut.end is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the recording is empty"),
        ("hello\n", "not a recording"),
        (
            '{"format": "restorecheck-conformance", "version": 2}\n',
            "format version 2; this restorecheck reads 1",
        ),
        ('{"format": "something else", "version": 1}\n', "not a recording"),
    ],
)
def test_what_is_no_recording_of_this_version_is_refused(text, said):
    with pytest.raises(RestorecheckError, match=said):
        recording.parse(text)


def test_a_step_that_was_skipped_answers_nothing():
    asked = call(step="validation", operation="PutRestoreValidationResult")

    assert reading.answers(made(asked, done("validation"))) == {"timed-out": "accepted"}
    assert reading.answers(made(asked, done("validation", "skipped"))) == {}
    assert reading.answers(made(asked)) == {}


def test_the_answers_after_a_share_are_read_in_their_order():
    codes = ["AccessDenied", "AccessDenied", "DBSnapshotNotFound"]
    refused = [call(n, error=recording.Error(code=code)) for n, code in enumerate(codes)]

    found = reading.answers(made(*refused, call(9), done("share")))

    assert found == {"first-copy-after-share": "AccessDenied, DBSnapshotNotFound, then accepted"}


def test_every_question_belongs_to_a_step_and_can_be_read():
    steps = {step.name for step in STEPS}

    assert {question.step for question in QUESTIONS} <= steps
    assert set(reading._READERS) == set(BY_ID)


def described(*statuses, **fields):
    return [
        call(
            n,
            step="restore",
            operation="DescribeDBInstances",
            answer={"DBInstances": [{"DBInstanceStatus": s, **fields}]},
        )
        for n, s in enumerate(statuses)
    ]


def test_another_order_of_statuses_is_a_difference_and_the_number_of_polls_is_none():
    slow = made(*described("creating", "creating", "available"), done("restore"))
    fast = made(*described("creating", "available"), done("restore"))
    other = made(*described("creating", "modifying", "available"), done("restore"))

    assert comparing.differences(slow, fast) == []
    (difference,) = comparing.differences(slow, other)
    assert "creating, available" in difference.recorded
    assert "creating, modifying, available" in difference.simulated


def test_a_field_that_restorecheck_reads_and_one_side_has_not_is_a_difference():
    whole = made(*described("available", TagList=[], Extra="x"), done("restore"))
    bare = made(*described("available"), done("restore"))

    (difference,) = comparing.differences(whole, bare)

    assert difference.what == "backup DescribeDBInstances.TagList"
    assert (difference.recorded, difference.simulated) == ("list", "missing")


def test_a_step_that_one_side_skipped_is_not_compared():
    asked = made(*described("available"), done("restore"))
    skipped = made(done("restore", "skipped"))

    assert comparing.differences(asked, skipped) == []


def test_the_fields_that_are_compared_are_those_that_the_views_read():
    views = (Path(comparing.__file__).parents[1] / "aws" / "session" / "views.py").read_text()
    inside = {"AllocatedStorage"}  # read by doctor

    assert [field for field in comparing.READ - inside if f'"{field}"' not in views] == []
