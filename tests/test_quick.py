"""What `make test` leaves out is little, differs from run to run, and is run by `make test-all`."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import quick
from tests.chosen import SEED
from tests.slow import GROUPS, Slow

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Item:
    nodeid: str


CASES = [Item(f"tests/a/test_b.py::test_c[{n}]") for n in range(40)]
OTHERS = [Item("tests/a/test_d.py::test_alone"), Item("tests/a/test_d.py::test_d[1]")]


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    table = [(Slow(0.1, "an example"), ("tests/a/test_b.py",))]
    monkeypatch.setattr(quick, "GROUPS", table)
    return table


def test_a_share_of_the_cases_runs_and_the_rest_is_all_the_others():
    taken, rest = quick.split([*CASES, *OTHERS])

    assert len([item for item in taken if item in CASES]) == 4
    assert {*taken} | {*rest} == {*CASES, *OTHERS}
    assert not {*taken} & {*rest}


def test_of_every_entry_a_test_runs_and_of_what_is_not_slow_every_one():
    taken, _ = quick.split([CASES[0], OTHERS[1]])

    assert taken == [OTHERS[1], CASES[0]]


def test_of_a_folder_whole_files_run(slow):
    slow.append((Slow(0.5, "an example"), ("tests/rds",)))
    files = [[Item(f"tests/rds/test_{name}.py::test_{n}") for n in range(5)] for name in "ab"]

    taken, rest = quick.split([*files[0], *files[1]])

    assert [taken, rest] in (files, files[::-1])


def test_of_a_group_some_entries_run_and_of_these_all_tests_where_the_share_is_one(slow):
    names = [f"tests/e/test_{name}.py" for name in "abcdefgh"]
    slow.append((Slow(1, "an example", entries=0.25), tuple(names)))
    cases = [Item(f"{name}::test_{n}") for name in names for n in range(3)]

    taken, rest = quick.split(cases)

    files = {item.nodeid.partition("::")[0] for item in taken}
    assert len(files) == 2
    assert [item for item in cases if item.nodeid.startswith(tuple(files))] == taken
    assert len(taken) + len(rest) == len(cases)


def test_another_seed_takes_other_cases(monkeypatch):
    first, _ = quick.split(CASES)
    monkeypatch.setattr(quick, "SEED", SEED + 1)

    assert quick.split(CASES)[0] != first


def test_a_function_of_a_slow_file_may_have_a_share_of_its_own(slow):
    slow.append((Slow(0.5, "an example"), ("tests/a/test_b.py::test_c",)))

    taken, _ = quick.split([*CASES, *OTHERS])

    assert len([item for item in taken if item in CASES]) == 20


def test_whatever_is_called_slow_is_there_and_says_why():
    for slow, entry in ((slow, entry) for slow, entries in GROUPS for entry in entries):
        path, _, function = entry.partition("::")
        assert (ROOT / path).exists(), entry
        assert f"def {function}(" in (ROOT / path).read_text() if function else True, entry
        assert 0 < slow.share * slow.entries < 1
        assert slow.why.endswith("."), entry


def test_no_unit_test_is_slow_so_every_run_passes_all_of_the_pure_rooms():
    """What is measured (tests/coverage.py) is held against 100 % in a quick run."""
    assert not [e for _, entries in GROUPS for e in entries if e.startswith("tests/unit")]
