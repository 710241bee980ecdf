"""What is read, kept and compared: the pure part."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.checks import comparing, structure
from restorecheck.checks.fingerprint import fingerprint
from restorecheck.checks.readings import DatabaseReading, TableReading, alike, bounded, pack, unpack
from restorecheck.checks.scanning import (
    NEWEST,
    PRINT,
    ROWS,
    Aggregate,
    Depth,
    Merge,
    aggregates,
    batch,
    merged,
    simpler,
    statement,
    units,
)
from restorecheck.checks.tables import Column, Constraint, Table, literal, quoted
from restorecheck.model import CheckSpec
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
    assert forward.get(LARGEST.key) == (str(max(moments)) if moments else None)


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
    wanted = aggregates(TABLE, Depth(), asked, major=17)

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


def test_what_cannot_be_done_is_tried_with_less_and_the_count_comes_last():
    wanted = aggregates(TABLE, Depth(), (), major=17)

    tries = [tuple(a.key for a in some) for some in simpler(TABLE, wanted)]

    assert tries == [(ROWS, PRINT), (ROWS, PRINT), (ROWS,)]


@given(st.text())
def test_names_and_texts_cannot_break_out_of_their_quotes(text):
    assert quoted(text)[1:-1].replace('""', "").count('"') == 0
    assert literal(text)[1:-1].replace("''", "").count("'") == 0


@pytest.mark.parametrize(
    ("type_", "as_text"),
    [("int8", False), ("numeric", True), ("jsonb", True), ("_uuid", False), ("mood", True)],
)
def test_types_without_an_exact_hash_go_in_as_text(type_, as_text):
    column = Column(name="c", type=type_, kind="e" if type_ == "mood" else "b")

    assert ("::text" in fingerprint([column])) is as_text


# --- kept -------------------------------------------------------------------------------------


def reading(count, columns=3, **structure):
    made = DatabaseReading(done=True)
    for n in range(count):
        name = f"public.table_of_things_{n}"
        made.tables[name] = TableReading(
            values={ROWS: str(n * 7919), PRINT: str(n * 10**19 + 7), f"{NEWEST}at": str(n * 3.3)},
            group=name,
        )
        made.structure[f"table {name}"] = "r owner app"
        for c in range(columns):
            made.structure[f"column {name}.c{c}"] = f"numeric({c},{n}) not null"
    made.structure |= structure
    made.structure = bounded(made.structure)
    return made


def test_what_is_packed_is_what_is_unpacked():
    made = {"a": reading(5), "b": DatabaseReading(parts={"t": {"0": {ROWS: "1", PRINT: None}}})}

    assert unpack(pack(made)) == made


@pytest.mark.parametrize("text", ["", "nonsense", "{}", pack({})])
def test_what_cannot_be_understood_is_no_baseline(text):
    assert unpack(text) == {}


@pytest.mark.parametrize("tables", [10, 1000, 5000])
def test_readings_of_any_size_and_their_baseline_fit_into_an_item_of_dynamodb(tables):
    made = pack({"courses": reading(tables, columns=25)})

    assert 2 * len(made) < 390_000
    assert len(unpack(made)["courses"].tables) == tables


@pytest.mark.parametrize("tables", [10, 400, 2000, 6000])
def test_a_change_is_seen_whatever_is_kept_of_the_structure(tables):
    before = reading(tables, columns=25).structure
    after = reading(tables, columns=25, **{"column public.table_of_things_3.c1": "text"}).structure

    assert comparing.structure_changes(before, before) == ()
    assert len(comparing.structure_changes(before, after)) == 1


def test_a_coarse_and_a_fine_structure_are_compared_as_coarse():
    fine = reading(10).structure
    coarse = structure.in_form(fine, 2)

    first, second = alike(fine, coarse)

    assert first == second == coarse
    assert comparing.structure_changes(coarse, fine) == ()


# --- compared ---------------------------------------------------------------------------------


def rows(**tables):
    return DatabaseReading(
        tables={
            name: TableReading(values={ROWS: str(count)}, group=name.partition("__")[0])
            for name, count in tables.items()
        }
    )


def emptied(before, after):
    return [str(d) for d in comparing.emptied(rows(**before), rows(**after))]


def test_partitions_come_and_go_and_their_table_stays():
    before = {"log__jan": 500, "log__feb": 500}

    assert emptied(before, {"log__feb": 500, "log__mar": 400}) == []
    assert emptied(before, {"log__mar": 0}) == [
        "all tables: 1,000 rows → 0 rows",
        "table log: 1,000 rows → 0 rows",
    ]


def test_no_table_has_shrunk_says_which_were_emptied_instead():
    spec = CheckSpec(name="no table has shrunk", kind="not_shrunk")
    found = []
    for after in (rows(a=1000, b=5000), rows(a=0, b=5000), rows(a=0, b=0)):
        around = Circumstances(
            baseline={"shop": rows(a=1000, b=5000)},
            databases=("shop",),
            taken_at=None,
            started_at=NOW,
        )
        finding = judge_reading(spec, "shop", after, around)
        assert finding.problems == ()
        found.append(finding.found)

    assert found == [
        "2 tables compared",
        "2 tables compared, 1 of them emptied",
        "2 tables compared, 2 of them emptied",
    ]


def test_small_tables_may_be_emptied():
    assert emptied({"queue": 99, "big": 1000}, {"queue": 0, "big": 1000}) == []


def test_a_table_that_could_not_be_read_is_not_called_empty():
    after = rows(a=1000)
    after.tables["b"] = TableReading(problem="invalid page", group="b")

    assert list(comparing.emptied(rows(a=1000, b=5000), after)) == []


def test_tables_that_come_and_go_are_not_compared():
    before, after = (
        rows(**{"public.sessions": 900, "public.users": 50_000}),
        rows(**{"public.users": 50_000}),
    )

    assert emptied_without(before, after, []) == ["table public.sessions: gone"]
    assert emptied_without(before, after, ["public.sess*"]) == []


def emptied_without(before, after, patterns):
    pair = (comparing.without(before, patterns), comparing.without(after, patterns))
    return [str(difference) for difference in comparing.emptied(*pair)]


def test_a_table_that_lies_in_toast_is_read_in_smaller_parts():
    toasted = Table(schema="s", name="t", blocks=1000, bytes=1000 * 8192 * 500)

    found = units(toasted, major=17)

    assert 7 < len(found) < 10, "four gigabytes, half of one at a time"
