"""What is asked of which table for a configured check."""

from dataclasses import replace

from restorecheck.checks.kinds.not_null import NotNull
from restorecheck.checks.scan_result import AskedReading
from restorecheck.checks.scan_statements import VIEW
from restorecheck.postgres.scan.scan_plan import Inquirer, Wanted
from tests.scans import NAME, ask, spec

PARTS = ("public.t_jan", "public.t_feb", "public.t_mar")


def nobody():
    raise AssertionError("no connection is made")


def wanted_of(**relation):
    kind = NotNull()
    about_it = ask(kind, columns=["id"])
    about_it = replace(about_it, relation=replace(about_it.relation, **relation))
    wanted = Wanted()
    inquirer = Inquirer(nobody, [spec("not_null", columns=["id"])], connections=1)
    inquirer._ask(about_it, kind, AskedReading(), {}, wanted)
    return wanted


def test_every_partition_is_asked_what_a_check_wants_to_know_of_the_table():
    wanted = wanted_of(members=PARTS, kind="p")

    assert set(wanted.aggregates) == set(PARTS)
    keys = [[aggregate.key for aggregate in wanted.aggregates[name]] for name in PARTS]
    assert keys[0]
    assert keys == [keys[0]] * 3
    assert wanted.questions == []


def test_a_view_is_read_by_a_question_of_its_own():
    wanted = wanted_of(members=(), kind="v")

    assert [question.key for question in wanted.questions] == [f"{VIEW}{NAME}"]
    assert dict(wanted.aggregates) == {}
