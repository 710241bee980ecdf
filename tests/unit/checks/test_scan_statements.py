"""Which statements are made of what is asked, and how their parts become a whole."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.checks.dialects import postgresql
from restorecheck.checks.dialects.postgresql import (
    batch,
    fingerprint,
    lacks,
    newest,
    statement,
    together,
    units,
)
from restorecheck.checks.kind import Catalog
from restorecheck.checks.scan_statements import (
    NOTHING,
    PRINT,
    ROWS,
    SMALL_BLOCKS,
    Aggregate,
    Depth,
    Merge,
    Question,
    aggregates,
    groups,
    halves,
    merged,
)
from restorecheck.checks.tables import Column, Constraint, Table, literal, quoted
from tests.factories import NOW

COUNT = Aggregate(ROWS, "count(*)")
LARGEST = Aggregate("newest:at", "max(at)", Merge.MAX)
TABLE = Table(
    schema="public",
    name='we"ird',
    blocks=1000,
    columns=(
        Column(name="id", type="int4", not_null=True),
        Column(name="born", type="date"),
        Column(name="created_at", type="timestamptz"),
    ),
    constraints=(Constraint(name="positive", expression="(id > 0)"),),
)

numbers = st.integers(-(10**20), 10**20).map(str)


@given(st.lists(st.tuples(numbers, st.one_of(st.none(), numbers)), min_size=1, max_size=20))
def test_parts_in_any_order_make_the_same_whole(values):
    parts = [{ROWS: count, LARGEST.key: moment} for count, moment in values]

    forward = merged((COUNT, LARGEST), parts)
    backward = merged((COUNT, LARGEST), reversed(parts))

    assert forward == backward
    assert int(forward[ROWS]) == sum(int(count) for count, _ in values)
    moments = [int(moment) for _, moment in values if moment is not None]
    assert forward[LARGEST.key] == (str(max(moments)) if moments else NOTHING)


@pytest.mark.parametrize("merge", Merge)
def test_what_one_part_does_not_know_the_whole_does_not_know(merge):
    wanted = (COUNT, Aggregate("x", "…", merge))

    assert merged(wanted, [{ROWS: "1", "x": "5"}, {ROWS: "2"}]) == {ROWS: "3"}


def test_sums_are_exact_and_infinities_that_cancel_each_other_are_no_number():
    assert merged((COUNT,), [{ROWS: "9" * 60 + ".5"}, {ROWS: "0.5"}]) == {ROWS: f"1{'0' * 60}.0"}
    assert merged((COUNT,), [{ROWS: "Infinity"}, {ROWS: "-Infinity"}]) == {ROWS: "NaN"}


def test_nan_is_the_greatest_of_all_as_postgresql_has_it():
    parts = [{LARGEST.key: "NaN"}, {LARGEST.key: "7"}]

    assert merged((LARGEST,), parts) == merged((LARGEST,), parts[::-1]) == {LARGEST.key: "NaN"}


@given(st.integers(0, 10_000), st.integers(1, 700))
def test_units_cover_every_block_once_and_the_last_is_open(blocks, size):
    found = units(Table(schema="s", name="t", blocks=blocks), major=17, size=size)

    if blocks <= size:
        assert found == (None,)
        return
    ranges = [unit for unit in found if unit is not None]
    assert len(ranges) == len(found)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == -1
    assert all(one[1] == two[0] for one, two in itertools.pairwise(ranges))


def test_a_server_that_cannot_read_ranges_reads_the_whole():
    assert units(Table(schema="s", name="t", blocks=10**7), major=13) == (None,)


def test_one_statement_answers_everybody_who_asks_about_a_table():
    asked = [Aggregate("asked:x", "count(*) filter (where true)")]
    wanted = aggregates(TABLE, Depth(), asked, sql=postgresql, major=17)

    text = statement(TABLE, wanted, (10, 20))

    keys = [a.key for a in wanted]
    assert keys == [
        ROWS, PRINT, "nulls", "check:positive", "newest:created_at", "newest:born", "asked:x",
    ]  # fmt: skip
    assert text.count("select") == 1
    assert 'from only "public"."we""ird" t where' in text
    assert "'(10,0)'" in text
    assert "'(20,0)'" in text
    assert batch([(TABLE, wanted), (TABLE, wanted)]).count(" union all ") == 1


def test_what_cannot_be_answered_at_once_is_asked_by_halves_down_to_single_questions():
    wanted = aggregates(TABLE, Depth(), (), sql=postgresql, major=17)

    def asked_alone(some):
        parts = list(halves(some))
        return [one for part in parts for one in asked_alone(part)] if parts else [some]

    assert asked_alone(wanted) == [(aggregate,) for aggregate in wanted]


def test_what_calls_the_database_s_own_is_asked_apart_and_under_the_table_s_own_name():
    own = Constraint(name="own", expression="(checked(things.*))", plain=False, settled=False)
    table = Table(schema="public", name="things", constraints=(own, *TABLE.constraints))

    (plain, natural) = groups(aggregates(table, Depth(), (), sql=postgresql, major=17))

    assert [a.key for a in natural] == ["unsettled check:own"]
    assert {a.key for a in plain} == {ROWS, PRINT, "check:positive"}
    assert statement(table, natural, None).endswith('from only "public"."things" "things"')
    assert statement(table, plain, None).endswith('from only "public"."things" t')


def test_each_thing_is_asked_once_whoever_asks():
    twice = [Aggregate("asked:x", "1"), Aggregate("asked:x", "1")]

    keys = [a.key for a in aggregates(TABLE, Depth(), twice, sql=postgresql, major=17)]

    assert len(keys) == len(set(keys))


def test_a_row_of_nulls_is_a_value_and_times_that_are_planned_hide_no_newest_one():
    assert lacks(Column(name="a", type="text")) == 't."a" is null'
    assert lacks(Column(name="a", type="pair", kind="c")) == 'num_nulls(t."a") = 1'
    assert "2026-02-27T03:20:00" in newest("at", "newest:at", NOW).sql, "five minutes of a clock"
    assert "2026" not in newest("at", "newest:at").sql


@given(st.text())
def test_names_and_texts_cannot_break_out_of_their_quotes(text):
    assert quoted(text)[1:-1].replace('""', "").count('"') == 0
    assert literal(text)[1:-1].replace("''", "").count("'") == 0


def test_a_table_that_lies_in_toast_is_read_in_smaller_parts():
    toasted = Table(schema="s", name="t", blocks=1000, bytes=1000 * 8192 * 500)

    found = units(toasted, major=17)

    assert 7 < len(found) < 10, "four gigabytes, half of one at a time"


@pytest.mark.parametrize(
    ("type_", "as_text"),
    [("int8", False), ("numeric", True), ("jsonb", True), ("_uuid", True), ("mood", True)],
)
def test_types_without_an_exact_hash_go_in_as_text(type_, as_text):
    column = Column(name="c", type=type_, kind="e" if type_ == "mood" else "b")

    assert ("::text" in fingerprint([column])) is as_text


def test_many_small_questions_are_one_statement_with_an_answer_for_each():
    questions = [Question(key="a", sql="select 1 where false"), Question(key="b", sql="select 2")]

    assert together(questions) == "select (select 1 where false), (select 2)"


def test_small_are_tables_of_few_blocks_of_which_no_other_is_a_part():
    tables = (
        Table(schema="s", name="little", blocks=SMALL_BLOCKS),
        Table(schema="s", name="large", blocks=SMALL_BLOCKS + 1),
        Table(schema="s", name="parent", blocks=0),
        Table(schema="s", name="child", blocks=1, root="s.parent"),
    )

    assert Catalog(sql=postgresql, major=17, tables=tables).small == {'"s"."little"', '"s"."child"'}
