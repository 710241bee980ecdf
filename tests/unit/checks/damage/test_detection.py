"""What of a healthy reading still holds, and who noticed: pure."""

from dataclasses import replace

import pytest

from restorecheck.checks.damage.detection import (
    Change,
    Connected,
    Sides,
    is_affected,
    is_worth_asking,
    tables_in,
    unread,
    verdict_on,
)
from restorecheck.checks.damage.kinds import DamageKind
from restorecheck.checks.propose.proposal import Proposal
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
)
from restorecheck.checks.tables import ForeignKey, KeyPair, OwnedSequence
from restorecheck.model import CheckOutcome, CheckResult, Noticed, Severity
from tests.reading import spec

AROUND = Connected(
    foreign_keys=[
        ForeignKey(
            name="fk",
            table='"a"."child"',
            target='"a"."parent"',
            pairs=(KeyPair(here="p", there="id"),),
        )
    ],
    sequences=[OwnedSequence(name='"a"."child_id_seq"', table='"a"."child"', column="id")],
    partitions={"a.part_1": "a.whole"},
    quoted={"a.child": '"a"."child"', "a.parent": '"a"."parent"'},
)


def healthy():
    answers = {
        'orphans:"a"."child" fk': "0",
        'behind:"a"."child_id_seq"': "",
        "keys:a.child": "1",
        "keys:a.parent": "1",
        "invalid indexes": "",
        "asked:mine": "0",
        "asked:other": "0",
        "view:mine": "{}",
        "append_only:a.parent:id": "{}",
        "append_only:a.child:id": "{}",
        'excluded:"a"."other" once': "0",
        "large objects": "0",
    }
    tables = {n: TableReading(values={"rows": "1"}) for n in ("a.child", "a.parent", "a.part_1")}
    asked = {
        name: AskedReading(question=f"append_only:{table}:id")
        for name, table in (("mine", "a.parent"), ("other", "a.child"))
    }
    return DatabaseReading(
        tables=tables, answers=answers, asked=asked, structure={"x": "y"}, done=True
    )


def test_only_what_the_damaged_table_has_to_do_with_is_read_again():
    left = unread(healthy(), Change.of({"a.parent"}), AROUND, [spec("unique", name="mine")])

    assert set(left.tables) == {"a.child", "a.part_1"}
    assert set(left.answers) == {
        'behind:"a"."child_id_seq"',
        "keys:a.child",
        "asked:other",
        "append_only:a.child:id",
    }
    assert (left.structure, left.done) == ({}, False)


def test_what_was_kept_of_columns_and_under_names_of_relations_is_read_again():
    reading = replace(
        healthy(),
        statistics={"a.child": "…"},
        asked={
            "mine": AskedReading(relation="a.child", question="append_only:a.child:id"),
            "other": AskedReading(relation="a.parent"),
        },
        relations={"a.child": RelationReading(), "a.parent": RelationReading()},
    )
    reading.answers["append_only:a.child:id"] = "{}"

    left = unread(reading, Change.of({"a.child"}), AROUND, [spec("append_only", name="mine")])

    assert "append_only:a.child:id" not in left.answers
    assert (left.statistics, set(left.asked), set(left.relations)) == ({}, {"other"}, {"a.parent"})


def test_statistics_are_kept_of_tables_that_are_as_they_were_and_of_no_part_of_a_damaged_one():
    parts = {f"a.part_{n}": TableReading(values={"rows": "1"}, group="a.whole") for n in (1, 2)}
    other = TableReading(values={"rows": "1"}, group="a.child")
    reading = replace(
        healthy(), tables={**parts, "a.child": other}, statistics={"a.whole": "…", "a.child": "…"}
    )

    assert unread(reading, Change.of({"a.part_2"}), AROUND, []).statistics == {"a.child": "…"}
    assert unread(reading, Change.of({"a.child"}), AROUND, []).statistics == {"a.whole": "…"}


def test_a_check_whose_names_were_not_looked_up_in_health_is_asked_all_the_same():
    """A proposed one: its answer of health, if there is one, counts no longer, and no other's is lost."""
    left = unread(
        healthy(),
        Change.of({"a.parent"}),
        AROUND,
        [spec("query", name="new"), spec("unique", name="mine")],
    )

    assert set(left.asked) == {"other"}
    assert "asked:other" in left.answers
    assert "asked:mine" not in left.answers


def test_a_table_that_only_lost_an_index_is_not_read_again_but_its_keys_are_asked():
    change = Change(tables={"a.parent", "a.child"}, kept={"a.parent"}, structure=False)

    left = unread(healthy(), change, AROUND, [])

    assert set(left.tables) == {"a.parent", "a.part_1"}
    assert not {"keys:a.parent", "keys:a.child"} & set(left.answers)
    assert left.structure == {"x": "y"}


def test_the_healthy_reading_itself_is_left_as_it_is():
    reading = healthy()

    unread(reading, Change.of({"a.parent", "a.child"}), AROUND, [])

    assert reading == healthy()


def test_a_check_is_asked_again_when_it_is_about_what_was_damaged():
    def affected(kind, touched, **options):
        return is_affected(spec(kind, **options), touched, AROUND)

    assert affected("row_count", {"a.child"}, table="a.child")
    assert affected("row_count", {"a.child"}, table="CHILD")
    assert affected("row_count", {"a.Child"}, table="A.Child"), "where it is written so"
    assert not affected("row_count", {"a.Child"}, table='"a"."CHILD"')
    assert not affected("row_count", {"a.child"}, table="a.parent")
    assert affected("references", {"a.parent"}, table="a.child", to="a.parent")
    assert affected("row_count", {"a.part_1"}, table="a.whole"), "by a partition"
    assert affected("query", set(), sql="select 1"), "nobody knows what this query reads"
    assert affected("structure", set(), structure={})


def test_what_a_view_or_a_parent_shows_is_asked_again():
    about = {
        "view": RelationReading(kind="v"),
        "whole": RelationReading(members=["a.older", "a.newer"]),
    }
    around = replace(AROUND, about=about)
    view, whole = (spec("row_count", name=name, table=f"a.{name}") for name in about)

    assert is_affected(view, {"a.child"}, around), "nobody knows what it shows"
    assert is_affected(whole, {"a.newer"}, around)
    assert not is_affected(whole, {"a.child"}, around)


def test_a_query_is_asked_again_when_its_plan_reads_what_was_damaged():
    plan = [
        {
            "Plan": {
                "Node Type": "Aggregate",
                "Plans": [
                    {"Node Type": "Seq Scan", "Relation Name": "child", "Schema": "a"},
                    {"Plans": [{"Relation Name": "part_1", "Schema": "a", "Plans": []}]},
                ],
            }
        }
    ]
    around = replace(AROUND, reads={"mine": tables_in(plan)})
    query = spec("query", name="mine", sql="select 1")

    assert tables_in(plan) == {"a.child", "a.part_1"}
    assert is_affected(query, {"a.child"}, around)
    assert is_affected(query, {"a.part_1"}, around)
    assert not is_affected(query, {"a.parent"}, around)


SIDES = Sides(
    configured=frozenset({"mine", "softly"}),
    proposed=frozenset({"better"}),
)
SEVERITIES = {
    "mine": Severity.REQUIRED,
    "softly": Severity.WARNING,
    "own": Severity.REQUIRED,
    "own softly": Severity.WARNING,
    "better": Severity.REQUIRED,
}
PASSED = dict.fromkeys(SEVERITIES, CheckOutcome.PASSED)


def noticed(*failed, outcome=CheckOutcome.FAILED, healthy=None, severities=SEVERITIES):
    results = [
        CheckResult(
            name=name,
            kind="x",
            database="d",
            severity=severities[name],
            outcome=outcome if name in failed else CheckOutcome.PASSED,
        )
        for name in SEVERITIES
    ]
    return verdict_on(
        DamageKind(name="k"), "w", healthy=healthy or PASSED, results=results, sides=SIDES
    )


def test_the_loudest_who_noticed_is_told():
    assert noticed("mine", "own", "softly").noticed is Noticed.YOURS
    assert noticed("softly", "own").noticed is Noticed.YOURS_WARNING
    assert noticed("own", "own softly").noticed is Noticed.OWN
    assert noticed("own softly").noticed is Noticed.OWN_WARNING
    assert noticed().noticed is Noticed.UNDETECTED


def test_a_required_check_that_only_warns_of_a_damage_is_a_warning():
    uncertain = dict.fromkeys(SEVERITIES, Severity.WARNING)

    assert noticed("own", severities=uncertain).noticed is Noticed.OWN_WARNING
    assert noticed("mine", severities=uncertain).noticed is Noticed.YOURS_WARNING


def test_what_would_become_of_the_drill_is_told_by_all_checks_together():
    assert noticed("mine").fails
    assert noticed("softly", "own").fails, "yours warn, and every drill's own fails"
    assert noticed("softly", "own softly").warns
    assert not noticed("softly").fails
    assert not noticed("better").fails
    assert not noticed().warns


def test_what_is_only_proposed_notices_nothing_yet():
    found = noticed("better")

    assert (found.noticed, found.by, found.proposed) == (Noticed.UNDETECTED, (), ("better",))


def test_a_check_that_cannot_be_answered_any_more_has_noticed_and_one_that_never_passed_has_not():
    assert noticed("mine", outcome=CheckOutcome.ERROR).noticed is Noticed.YOURS
    assert noticed("mine", outcome=CheckOutcome.SKIPPED).noticed is Noticed.UNDETECTED
    before = {**PASSED, "mine": CheckOutcome.FAILED}
    assert noticed("mine", healthy=before).noticed is Noticed.UNDETECTED


@pytest.mark.parametrize(
    ("about", "asked"),
    [
        ((), True),
        (("a.child",), True),
        (("a.parent",), False),
        (("a.parent", "a.child"), True),
        (("a.whole",), True),
    ],
)
def test_a_proposed_check_is_asked_where_it_is_about_what_was_damaged(about, asked):
    """The whole of a partitioned table is damaged with one of its partitions."""
    proposal = Proposal(kind="query", keys={"name": "x"}, because="so", tables=about)

    assert is_worth_asking(proposal, {"a.child", "a.part_1"}, AROUND) is asked
