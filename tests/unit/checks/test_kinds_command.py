"""What the exit code of a program is worth, and what a drill knows of the program."""

import pytest

from restorecheck.checks.answers import Exited, NoAnswer
from restorecheck.checks.judge_scan import judge_answer
from restorecheck.checks.kinds.command import CommandKeys
from restorecheck.checks.registry import is_alone, needs_statistics
from restorecheck.model import CheckOutcome, CheckSpec

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR


def spec(*, shown=False):
    return CheckSpec(name="c", kind="command", options={"show_output": shown})


@pytest.mark.parametrize(
    ("code", "outcome", "found", "words"),
    [
        (0, PASSED, "exit code 0", ""),
        (1, FAILED, "exit code 1", ""),
        (2, FAILED, "exit code 2", ""),
        (74, FAILED, "exit code 74", ""),
        (255, FAILED, "exit code 255", ""),
        (75, ERROR, "", "the program could not tell (exit code 75)"),
        (126, ERROR, "", "the program could not be run (exit code 126)"),
        (127, ERROR, "", "the program could not be run (exit code 127)"),
        (-9, ERROR, "", "the program was ended by signal 9"),
    ],
)
def test_an_exit_code_is_an_answer_only_if_the_program_could_tell(code, outcome, found, words):
    judged = judge_answer(spec(), Exited(code=code))
    assert (judged.outcome, judged.found, judged.detail) == (outcome, found, words)
    assert judged.expected == "exit code 0"


def test_what_could_not_be_started_says_nothing_about_the_backup():
    assert judge_answer(spec(), NoAnswer(reason="why")).outcome is ERROR


def test_what_it_prints_is_shown_only_where_that_is_configured():
    exited = Exited(code=1, said="Ada Lovelace, 1815", notes=("a note",))
    assert judge_answer(spec(), exited).detail == "a note"
    assert judge_answer(spec(shown=True), exited).detail == "Ada Lovelace, 1815; a note"


def test_a_drill_stores_neither_arguments_nor_variables():
    keys = CommandKeys(name="c", run=("app", "s3cret"), environment={"KEY": "s3cret"})
    assert keys.options() == {"show_output": False}
    assert "s3cret" not in repr(keys)


def test_it_is_asked_alone_and_after_analyze():
    assert is_alone(spec())
    assert needs_statistics([spec()])


def test_programs_and_files_are_found_beside_the_configuration():
    keys = CommandKeys(name="c", run=("./bin/app", "./x"), files=("src",))
    moved = keys.with_absolute_paths(lambda path: f"/etc/{path.removeprefix('./')}")
    assert (moved.run, moved.files) == (("/etc/bin/app", "./x"), ("/etc/src",))
    assert CommandKeys(name="c", run=("app",)).with_absolute_paths(str.upper).run == ("app",)
