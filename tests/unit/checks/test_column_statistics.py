"""Statistics of columns: what is asked, kept and said, without a server."""

import re
from dataclasses import replace

import pytest

from restorecheck.checks import column_statistics
from restorecheck.checks.column_changes import REMEMBERED, carried, compare, same_backup
from restorecheck.checks.column_statistics import (
    GROUPS,
    NOTHING,
    ColumnMeasures,
    ColumnStatistics,
    MeasureKind,
    Probes,
    bounded,
    mark_of,
    merge,
    read,
    unpack,
)
from restorecheck.checks.dialects.postgresql.column_statistics import statement
from restorecheck.checks.tables import Column, Table

MAILS = Table(
    schema="public",
    name="mails",
    columns=(
        Column(name="id", type="int8", not_null=True),
        Column(name="body", type="text"),
        Column(name="sent_at", type="timestamptz"),
        Column(name="spot", type="point"),
    ),
)
BODY, SENT = mark_of("body"), mark_of("sent_at")


def statistics(
    kind=MeasureKind.TEXT, name="body", states=(), keys=(), rows=1000, newest=None, **sums
):
    probes: tuple[Probes, ...] = ()
    if keys:
        filled = tuple([*states] + [NOTHING] * (GROUPS - len(states)))
        known = tuple([*keys] + [NOTHING] * (GROUPS - len(keys)))
        probes = (Probes(keys=known, states={mark_of(name): filled}),)
    column = ColumnMeasures(
        mark=mark_of(name), kind=kind, sums={"filled": rows, **sums}, newest=newest
    )
    return ColumnStatistics(
        names=(name,),
        rows=rows,
        newest=100 if newest is not None else 0,
        keyed=bool(keys),
        columns=(column,),
        probes=probes,
    )


def told(before, after, rows=(1000, 1000), table="mails"):
    found = compare(before, after, rows_before=rows[0], rows_after=rows[1], table=table)
    return [f.words for f in found]


def test_a_small_table_is_read_as_a_whole_and_a_large_one_by_a_share_that_is_a_power_of_two():
    large = Table(schema="public", name="mails", columns=MAILS.columns, blocks=100_000)

    assert "tablesample" not in (statement(MAILS, key=("id",), rows_estimate=4_096) or "")
    assert "tablesample system (25.0)" in (
        statement(MAILS, key=("id",), rows_estimate=10_000) or ""
    )
    assert "tablesample system (0.78125)" in (statement(large, key=("id",), rows_estimate=10) or "")


def test_nothing_is_asked_of_a_handful_of_rows_nor_of_a_table_without_columns():
    assert statement(MAILS, key=("id",), rows_estimate=7) is None
    assert statement(Table(schema="a", name="b"), key=(), rows_estimate=900) is None


def newest_of(*columns, key=("id",), rows=5_000):
    """Where the newest rows are taken from."""
    made = Table(schema="public", name="t", columns=columns)
    asked = statement(made, key=key, rows_estimate=rows) or ""
    found = re.search(r"from \(select ([^()]*) order by ([^()]*) limit (\d+)\) n", asked)
    return found and (found[2], int(found[3]))


ID = Column(name="id", type="int8", not_null=True)
CODE = Column(name="id", type="text", not_null=True)
NOTE = Column(name="note", type="text")
CREATED = Column(name="created_at", type="timestamptz", not_null=True)
UPDATED = Column(name="due", type="timestamptz", not_null=True)


@pytest.mark.parametrize(
    ("columns", "by"),
    [
        ((ID, NOTE, CREATED), ('t."id" desc', 250)),
        ((CODE, NOTE, CREATED), ("s2 desc nulls last", 250)),
        ((CODE, NOTE, UPDATED), None),
        ((ID, CREATED), None),
    ],
)
def test_the_newest_rows_are_those_of_the_greatest_number_or_of_the_latest_time_of_birth(
    columns, by
):
    """Of no other time: one that is planned or changed later says nothing of when a row came. And where every
    column is full by its constraint, nobody asks how many have a value.
    """
    assert newest_of(*columns) == by


@pytest.mark.parametrize(("rows", "number"), [(639, None), (640, 32), (1_000_000, 256)])
def test_the_newest_twentieth_is_looked_at_but_no_handful_and_no_crowd(rows, number):
    found = newest_of(ID, NOTE, rows=rows)

    assert (found and found[1]) == number


@pytest.mark.parametrize("key", [(), ("gone",)])
def test_without_a_key_the_same_rows_cannot_be_found_again_and_none_are_probed(key):
    asked = statement(MAILS, key=key, rows_estimate=500) or ""

    assert "string_agg" not in asked
    assert asked.endswith("null]")
    assert "string_agg" in (statement(MAILS, key=("id",), rows_estimate=500) or "")


def test_a_value_becomes_text_by_no_cast():
    odd = Table(
        schema="public",
        name="odd",
        columns=(
            Column(name="id", type="uuid"),
            Column(name="mood", type="mood", kind="e"),
            Column(name="pair", type="pair", kind="c"),
            Column(name="moods", type="_mood"),
        ),
    )

    asked = statement(odd, key=("id",), rows_estimate=500) or ""

    assert "::text" not in asked
    assert "num_nulls(r1) = 0" in asked


def answer_of(groups=GROUPS, rows_each=4, distinct=4):
    sums = "1000,1000,1000,500500,,,1000,900,100,52000,80,310,,4,12,990,985,20000000.5,1790000000,,1,,1000,16000"
    probes = ";".join(
        f"{g},{rows_each},{distinct},{g * 77},{g * 3},{g * 9000},{g}" for g in range(groups)
    )
    return [sums, "50,1000,48,40,50", probes]


def test_an_answer_is_read_column_by_column():
    found = read(MAILS, answer_of(), key=("id",))

    assert found.names == ("id", "body", "sent_at", "spot")
    assert found.columns[1].sums["octets"] == 52_000
    assert [c.newest for c in found.columns] == [None, 48, 40, 50]
    assert [c.key for c in found.columns] == [True, False, False, False]
    assert set(found.probes[0].states) == {BODY, SENT, mark_of("spot")}
    assert max(found.probes[0].states[BODY]) < 16


def test_a_part_of_a_key_that_is_not_unique_is_no_key():
    found = read(MAILS, answer_of(distinct=3), key=("id",))

    assert not found.probes
    assert not found.keyed


def test_what_is_packed_is_what_is_unpacked_but_for_names():
    found = read(MAILS, answer_of(), key=("id",))

    again = unpack(found.pack())

    assert again.names == ()
    assert again.pack() == found.pack()
    assert again.probes == (
        Probes(
            keys=found.probes[0].keys, states=found.probes[0].states, member=found.probes[0].member
        ),
    )
    assert again.rows == 1000
    assert again.columns[1].sums["octets"] == pytest.approx(52_000, rel=1e-3)
    assert len(found.pack()) < 200


@pytest.mark.parametrize("kind", [MeasureKind.TEXT, MeasureKind.TIME])
def test_groups_of_rows_that_are_not_there_are_none_when_they_are_unpacked(kind):
    """Of few rows some of the groups are empty: what follows them stays in its place."""
    keys = [10, NOTHING, 12, NOTHING]
    states = [3, NOTHING, 5, NOTHING]
    made = statistics(kind, keys=keys, states=states)

    (probes,) = unpack(made.pack()).probes

    assert probes == Probes(
        keys=(*keys, *[NOTHING] * (GROUPS - 4)),
        states={BODY: (*states, *[NOTHING] * (GROUPS - 4))},
    )


@pytest.mark.parametrize("kind", MeasureKind)
def test_a_column_of_nulls_alone_takes_no_room_and_moves_nothing_behind_it(kind):
    empty = statistics(kind, name="note", rows=0)
    full = statistics(name="body", rows=1000, octets=500.0, longest=7.0)
    both = replace(full, names=("note", "body"), columns=(*empty.columns, *full.columns))

    note, body = unpack(both.pack()).columns

    assert (note.kind, note.sums.get("filled", 0)) == (kind, 0)
    assert body.sums["filled"] == 1000
    assert body.sums["octets"] == pytest.approx(500, rel=1e-3)


def test_a_column_of_a_kind_that_is_not_known_is_refused():
    """Of a later version: its sums would be read as those of another kind."""
    made = statistics()
    known = column_statistics.KINDS
    later = (*(kind for kind in known if kind is not MeasureKind.TEXT), MeasureKind.TEXT)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(column_statistics, "KINDS", later)
        text = made.pack()
        assert unpack(text).columns[0].kind is MeasureKind.TEXT
        patched.setattr(column_statistics, "KINDS", later[:-1])
        with pytest.raises(ValueError, match="unknown kind"):
            unpack(text)


@pytest.mark.parametrize("text", ["", "zz", "0" * 40, "not base85 \n"])
def test_what_is_no_packed_statistics_is_refused(text):
    with pytest.raises(ValueError, match=r"statistics of columns|base85"):
        unpack(text)


def test_parts_are_added_and_the_newest_part_tells_of_the_newest_rows():
    old = statistics(newest=90.0, octets=100.0, longest=7)
    new = statistics(newest=10.0, octets=50.0, longest=9)
    whole = merge([old, ColumnStatistics(), *(new,)])

    assert whole.rows == 2000
    assert whole.columns[0].sums == {"filled": 2000, "octets": 150, "longest": 9}
    assert merge([]) == ColumnStatistics()
    assert merge([old]) == old


def test_the_largest_tables_are_kept_within_the_limit():
    kept = bounded({"a": ("x" * 60, 10), "b": ("x" * 60, 900), "c": ("x" * 30, 5)}, 100)

    assert kept == {"b": "x" * 60, "c": "x" * 30}


KEYS = tuple(range(100, 116))
SAME = tuple(range(16))
OTHER = tuple((s + 5) % 16 for s in SAME)


def test_old_rows_with_other_values_are_told():
    before = statistics(keys=KEYS, states=SAME, distinct=900, octets=9000)
    after = statistics(keys=KEYS, states=OTHER, distinct=900, octets=9000)

    assert told(before, before) == []
    assert "16 of 16 compared groups" in told(before, after)[0]


def test_other_rows_with_other_values_are_not():
    before = statistics(keys=KEYS, states=SAME, distinct=900, octets=9000)
    after = statistics(keys=tuple(k + 1 for k in KEYS), states=OTHER, distinct=900, octets=9000)

    assert told(before, after) == []


@pytest.mark.parametrize(
    "name", ["updated_at_text", "view_count_hits", "last_seen", "status", "page_cache"]
)
def test_columns_whose_names_say_that_they_move_are_not_told(name):
    before = statistics(name=name, keys=KEYS, states=SAME, distinct=900, octets=9000)
    after = statistics(name=name, keys=KEYS, states=OTHER, distinct=900, octets=9000)

    assert told(before, after) == []


def test_a_column_that_moved_in_an_earlier_night_may_move_again():
    nights = [
        statistics(keys=KEYS, states=states, distinct=900, octets=9000)
        for states in (SAME, OTHER, SAME)
    ]
    second = unpack(carried(nights[0], nights[1]).pack())

    assert second.columns[0].moves == REMEMBERED
    assert told(second, nights[2]) == []
    assert carried(second, nights[1]).columns[0].moves == REMEMBERED - 1


def test_new_rows_explain_a_change_when_the_old_ones_are_as_they_were():
    before = statistics(keys=KEYS, states=SAME, distinct=900, octets=9000, foreign=300)
    after = statistics(keys=KEYS, states=SAME, distinct=900, octets=9000, foreign=0)
    damaged = statistics(keys=KEYS, states=OTHER, distinct=900, octets=9000, foreign=0)

    assert told(before, after) == []
    assert told(before, damaged) == ["texts with non-ASCII characters: 30% before, 0% now"]


def test_a_shift_is_told_whatever_the_name():
    states = tuple(s * 37 % 4000 for s in SAME)
    later = tuple(s + 4 for s in states)
    before = statistics(MeasureKind.TIME, "updated_at", keys=KEYS, states=states, distinct=900)
    after = statistics(MeasureKind.TIME, "updated_at", keys=KEYS, states=later, distinct=900)

    assert told(before, after) == ["all compared times are 1 hours later than before"]


@pytest.mark.parametrize(
    ("was", "now", "alarm"), [(98, 40, True), (98, 90, False), (60, 40, False), (80, 5, True)]
)
def test_newest_rows_without_values(was, now, alarm):
    before = statistics(keys=KEYS, states=SAME, newest=float(was), distinct=900, octets=9000)
    after = statistics(keys=KEYS, states=SAME, newest=float(now), distinct=900, octets=9000)

    assert bool(told(before, after)) is alarm


def test_tables_that_come_and_go_are_held_to_less():
    before = statistics(keys=KEYS, states=SAME, distinct=900, octets=9000)
    after = statistics(keys=KEYS, states=OTHER, distinct=900, octets=9000)

    assert told(before, after, table="login_tokens") == []


def test_a_few_rows_are_no_evidence():
    before = statistics(rows=20, keys=KEYS, states=SAME, distinct=9, octets=200, foreign=3)
    after = statistics(rows=20, keys=KEYS, states=SAME, distinct=9, octets=200)

    assert told(before, after, rows=(20, 20)) == []
    assert told(ColumnStatistics(), after) == []


def test_what_may_be_chance_is_not_told():
    some = tuple(SAME[:8]) + OTHER[8:]
    before = statistics(rows=60, keys=KEYS, states=SAME, distinct=50, octets=900, blanks=8)
    after = statistics(rows=60, keys=KEYS, states=some, distinct=50, octets=900, blanks=2)
    old, new = (
        statistics(rows=600, keys=KEYS, states=states, distinct=50, octets=9000, blanks=blanks)
        for states, blanks in ((SAME, 80), (some, 20))
    )

    assert told(before, after, rows=(60, 60)) == []
    assert told(old, new, rows=(600, 600)) == [
        "texts that begin or end with a space: 13% before, 3.3% now"
    ]


HOUR = 3_600.0
NIGHT = 1_800_000_000.0


@pytest.mark.parametrize(
    ("newest", "prints", "later", "alarm"),
    [
        (NIGHT - HOUR, "1", 24, True),
        (NIGHT - 48 * HOUR, "1", 24, False),
        (NIGHT - HOUR, "2", 24, False),
        (NIGHT - HOUR, "", 24, False),
        (NIGHT - HOUR, "1", 1, False),
    ],
)
def test_last_nights_backup_under_a_new_date(newest, prints, later, alarm):
    words = same_backup(
        {"t.created_at": newest},
        (NIGHT, NIGHT + later * HOUR),
        ({"t": "1"}, {"t": prints}),
    )

    assert bool(words) is alarm


def test_a_database_at_rest_is_the_same_every_night():
    old = {"t.created_at": NIGHT - 900 * HOUR, "t.due": NIGHT + 900 * HOUR}

    assert same_backup(old, (NIGHT, NIGHT + 24 * HOUR), ({}, {})) == ""
