"""What doctor says of physical backups: a clear answer, and what could not be looked at, which is never a clear one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.rules import physical
from restorecheck.rules.facts import PhysicalFacts, RepositoryFacts, Unread
from restorecheck.rules.findings import Outcome
from tests.factories import NOW
from tests.unit.rules.test_machine import MACHINE

OK, PROBLEM, UNSEEN = Outcome.OK, Outcome.PROBLEM, Outcome.NOT_LOOKED_AT
GOOD = PhysicalFacts(
    target="shop",
    place="pgBackRest shop",
    max_age=timedelta(hours=26),
    newest="20261130-010000F",
    whole=3,
    ended_at=NOW - timedelta(hours=3),
    major=17,
    majors=(15, 17),
    needed_bytes=10**9,
    archive="000000010000000000000014",
    archived_at=NOW - timedelta(minutes=3),
    missing_wal=(),
    kept=("pgBackRest shop: 20261130-010000F",),
    repositories=(RepositoryFacts(name="repository 1", encrypted=True, beside_the_database=False),),
)
PROVEN = {"shop": "pgBackRest shop: 20261130-010000F"}
BESIDE = RepositoryFacts(
    name="repository 1",
    encrypted=False,
    beside_the_database=True,
    writable_by="the same user owns it",
)
FAR = replace(BESIDE, name="repository 2", beside_the_database=False, encrypted=True)


def judged(*, proven=PROVEN, **changes):
    known = replace(MACHINE, physical=(replace(GOOD, **changes),), proven=proven)
    return {f.rule.id: f for f in physical.judge(known, NOW)}


def test_nothing_is_found_where_all_is_well():
    found = judged()

    assert [*found] == [f"RC{number}" for number in range(131, 143)]
    assert {f.outcome for f in found.values()} == {OK}


def test_what_a_backup_tool_does_not_tell_is_no_finding():
    found = judged(archived_at=None, missing_wal=None, repositories=(), proven={})

    assert [*found] == [f"RC{number}" for number in range(131, 137)]


@pytest.mark.parametrize(
    ("changes", "rule", "outcome", "words"),
    [
        ({"newest_problem": "failed, according to Barman"}, "RC132", PROBLEM, "failed, according"),
        ({"ended_at": NOW - timedelta(hours=30)}, "RC133", PROBLEM, "allowed are 26 h"),
        ({"max_age": None}, "RC133", PROBLEM, "a backup of any age passes"),
        ({"ended_at": None}, "RC133", UNSEEN, "the time of the newest backup"),
        ({"majors": (15,)}, "RC134", PROBLEM, "needs PostgreSQL 17; on this machine: 15"),
        ({"majors": ()}, "RC134", PROBLEM, "on this machine: none"),
        ({"major": None}, "RC134", UNSEEN, "the major version"),
        ({"needed_bytes": 9 * 10**9}, "RC135", PROBLEM, "needs about 10.8 GB; 10.0 GB are free"),
        ({"needed_bytes": None}, "RC135", UNSEEN, "the size of the backup"),
        ({"archive": ""}, "RC136", PROBLEM, "no archived WAL"),
        ({"archive": Unread("the WAL archive", "it is gone")}, "RC136", UNSEEN, "it is gone"),
        ({"missing_wal": ("A", "B")}, "RC137", PROBLEM, "missing since the newest backup: A, B"),
        ({"missing_wal": ("A", "B", "C", "D", "E")}, "RC137", PROBLEM, "A, B, C and 2 more"),
        (
            {"archived_at": NOW - timedelta(hours=27)},
            "RC138",
            PROBLEM,
            "27 h ago; allowed are 26 h",
        ),
        ({"kept": ("another",)}, "RC139", PROBLEM, "20261130-010000F is no longer listed"),
        ({"last_of_kept": (PROVEN["shop"],)}, "RC139", PROBLEM, "expires with the next full"),
    ],
)
def test_each_rule_says_what_is_wrong(changes, rule, outcome, words):
    found = judged(**changes)

    assert found[rule].outcome is outcome
    assert words in found[rule].found
    others = [f for name, f in found.items() if name != rule]
    assert {f.outcome for f in others} == {OK}


def test_repositories_are_judged_together():
    found = judged(repositories=(BESIDE,))
    assert [found[f"RC{n}"].outcome for n in (140, 141, 142)] == [PROBLEM] * 3
    assert "on the machine of the database" in found["RC140"].found
    assert "the same user owns it" in found["RC142"].found

    found = judged(repositories=(BESIDE, FAR))
    assert [found[f"RC{n}"].outcome for n in (140, 141, 142)] == [OK, PROBLEM, PROBLEM]
    assert "repository 1" in found["RC141"].found

    unseen = replace(FAR, writable_by=None)
    assert "RC142" not in judged(repositories=(BESIDE, unseen))
    assert judged(repositories=(unseen,))["RC140"].outcome is OK

    away = replace(FAR, writable_by="")
    assert judged(repositories=(away, unseen))["RC142"].outcome is OK
    assert judged(repositories=(BESIDE, away))["RC142"].outcome is OK


def test_backups_that_cannot_be_listed_are_one_problem():
    found = judged(problem="the repository cannot be read", hint="Correct the key.")

    assert [*found] == ["RC131"]
    assert found["RC131"].outcome is PROBLEM
    assert "Correct the key" in found["RC131"].advice[0].line
    assert "rights on pgBackRest shop" in judged(problem="no")["RC131"].advice[0].line


def test_no_finished_backup_is_a_problem():
    found = judged(newest="")

    assert [*found] == ["RC131"]
    assert "has no finished backup" in found["RC131"].found
