"""The bugs that `make mutants` plants can be planted: the code moves on, and they with it."""

import ast
from pathlib import Path

import pytest

import restorecheck
from tests.mutants.planted import PLANTED

PACKAGE = Path(restorecheck.__file__).parent
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in PLANTED}))
def test_every_bug_has_its_place_and_is_a_bug_of_python_that_runs(file):
    sound = (PACKAGE / file).read_text()
    for mutant in (m for m in PLANTED if m.file == file):
        assert sound.count(mutant.find) == 1, f"not there once: {mutant.says}"
        if file.endswith(".py"):
            ast.parse(sound.replace(mutant.find, mutant.put), mutant.says)


def test_every_bug_is_told_from_the_others_and_has_tests_that_are_there():
    assert len({mutant.says for mutant in PLANTED}) == len(PLANTED)
    for suite in {suite for mutant in PLANTED for suite in mutant.suites}:
        assert (ROOT / suite.partition("::")[0]).exists(), suite
