"""The bugs that `make mutants` plants can be planted: the code moves on, and they with it."""

import ast
from pathlib import Path

import pytest

import restorecheck
from tests.mutants.every import BUGS
from tests.mutants.places import place_of, planted
from tests.mutants.planted import Mutant, bug

PACKAGE = Path(restorecheck.__file__).parent
ROOT = Path(__file__).parents[2]


def _room(mutant: Mutant) -> str:
    return place_of(mutant, PACKAGE).file.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("room", sorted({_room(mutant) for mutant in BUGS}))
def test_every_bug_has_its_place_and_is_a_bug_of_python_that_runs(room):
    for mutant in BUGS:
        if _room(mutant) == room:
            file, text = planted(mutant, PACKAGE)
            assert text != file.read_text()
            ast.parse(text, mutant.says)


MOVED = """
class Elsewhere:
    def keep(self, copies):
        if copies and (
            copies[0].good
            and self.keeps  # a comment
        ):
            return sorted(
                copies,
                key=len,
            )
        return []

def keep(self):
    return sorted(self)
"""


@pytest.mark.parametrize(
    ("find", "put", "then"),
    [
        (
            "if copies and (copies[0].good",
            "if copies and (copies[0].bad",
            "if copies and (copies[0].bad",
        ),
        (
            "return sorted(copies, key=len)",
            "return copies\n#",
            "            return copies\n            #\n",
        ),
        ("    return []", "return []", "    return []\n\ndef keep"),
        ("return []", "if self:\n    return []", "        if self:\n            return []\n"),
    ],
)
def test_a_bug_follows_its_function_to_another_file_indentation_and_line_breaks(
    tmp_path, find, put, then
):
    (tmp_path / "renamed.py").write_text(MOVED)

    file, text = planted(bug("a bug", "Elsewhere.keep", find, put), tmp_path)

    assert file.name == "renamed.py"
    assert then in text


def test_a_bug_whose_statement_is_gone_or_stands_twice_has_no_place(tmp_path):
    (tmp_path / "renamed.py").write_text(MOVED)

    for find in ("return nothing", "copies"):
        with pytest.raises(AssertionError, match="times in Elsewhere"):
            place_of(bug("a bug", "Elsewhere.keep", find, ""), tmp_path)


def test_every_bug_is_told_from_the_others_and_has_tests_that_are_there():
    assert len({mutant.says for mutant in BUGS}) == len(BUGS)
    for suite in {suite for mutant in BUGS for suite in mutant.suites}:
        assert (ROOT / suite.partition("::")[0]).exists(), suite
