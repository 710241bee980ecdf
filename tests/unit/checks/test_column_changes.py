"""What two nights of one column come to: which change is told, and which is certain."""

import pytest

from restorecheck.checks.column_changes import compare
from restorecheck.checks.column_statistics import (
    GROUPS,
    NOTHING,
    ColumnMeasures,
    ColumnStatistics,
    MeasureKind,
    Probes,
    mark_of,
)

TEXT, WHOLE, NUMBER, BOOLEAN = (
    MeasureKind.TEXT,
    MeasureKind.WHOLE,
    MeasureKind.NUMBER,
    MeasureKind.BOOLEAN,
)
TIME, JSON, LIST, CODE, OTHER = (
    MeasureKind.TIME,
    MeasureKind.JSON,
    MeasureKind.LIST,
    MeasureKind.CODE,
    MeasureKind.OTHER,
)
DAY = 86_400
USUAL = {
    TEXT: {"distinct": 500, "octets": 20_000, "longest": 100},
    WHOLE: {"distinct": 800, "total": 50_000},
    NUMBER: {"distinct": 800, "total": 50_000, "whole": 100, "digits": 5000},
    BOOLEAN: {"true": 300},
    TIME: {"distinct": 900, "days": 1000 * 20_000, "latest": 20_500 * DAY},
    JSON: {"size": 100_000, "keys": 5000},
    LIST: {"size": 100_000, "items": 5000},
    CODE: {"distinct": 500},
    OTHER: {"size": 100_000},
}
"""Sums over a thousand rows."""
CERTAIN, DOUBTFUL = [True], [False]
NOTHING_TOLD: list[bool] = []


def table(kind, sums, states=(), *, name="it", rows=1000.0, keyed=True, groups=GROUPS):
    """One column; of 16 groups of probed rows those in `states` have other values."""
    values = tuple(100 + 7 * g + (states[g] if g < len(states) else 0) for g in range(GROUPS))
    probes = Probes(
        keys=tuple(g if g < groups else NOTHING for g in range(GROUPS)),
        states={mark_of(name): values},
    )
    column = ColumnMeasures(
        mark=mark_of(name), kind=kind, sums={"filled": rows} | USUAL[kind] | sums
    )
    return ColumnStatistics(
        names=(name,), rows=rows, keyed=keyed, columns=(column,), probes=(probes,) if keyed else ()
    )


def changed(kind, before, after, differ=0, name="it", **more):
    """Of what is told, whether it is certain. `differ`: groups of probed rows with other values tonight."""
    found = compare(
        table(kind, before, name=name, **more),
        table(kind, after, tuple(range(1, differ + 1)), name=name, **more),
        rows_before=1000,
        rows_after=1000,
    )
    return [one.certain for one in found]


@pytest.mark.parametrize("kind", MeasureKind)
@pytest.mark.parametrize("keyed", [True, False])
def test_a_column_as_it_was_is_nothing_to_tell(kind, keyed):
    assert changed(kind, {}, {}, keyed=keyed) == NOTHING_TOLD


@pytest.mark.parametrize(
    ("kind", "before", "after", "told"),
    [
        (TEXT, {}, {"broken": 400}, CERTAIN),
        (TEXT, {}, {"broken": 3}, NOTHING_TOLD),
        (TEXT, {"foreign": 300}, {"foreign": 0, "asked": 300}, CERTAIN),
        (TEXT, {"foreign": 300}, {"foreign": 80}, CERTAIN),
        (TEXT, {"foreign": 300}, {"foreign": 150}, NOTHING_TOLD),
        (TEXT, {"empty": 200}, {"filled": 800, "empty": 0}, DOUBTFUL),
        (TEXT, {"filled": 900, "empty": 200}, {"filled": 860, "empty": 100}, NOTHING_TOLD),
        (TEXT, {}, {"longest": 64, "octets": 17_000}, CERTAIN),
        (TEXT, {}, {"longest": 64, "octets": 19_900}, NOTHING_TOLD),
        (TEXT, {"blanks": 200}, {"blanks": 10}, DOUBTFUL),
        (NUMBER, {}, {"whole": 1000}, CERTAIN),
        (NUMBER, {"tenths": 300}, {"tenths": 1000}, CERTAIN),
        (NUMBER, {"single": 300}, {"single": 800}, NOTHING_TOLD),
        (WHOLE, {}, {"negative": 50}, DOUBTFUL),
        (WHOLE, {}, {"zero": 50}, DOUBTFUL),
        (WHOLE, {"zero": 50}, {"zero": 100}, NOTHING_TOLD),
        (TIME, {}, {"zero": 100}, CERTAIN),
        (TIME, {"midnight": 100}, {"midnight": 1000}, CERTAIN),
        (TIME, {"seconds": 100}, {"seconds": 1000}, CERTAIN),
        (BOOLEAN, {"filled": 0, "true": 0}, {"true": 700}, NOTHING_TOLD),
        (BOOLEAN, {}, {"true": 700}, DOUBTFUL),
        (BOOLEAN, {}, {"true": 0}, DOUBTFUL),
        (BOOLEAN, {}, {"true": 400}, NOTHING_TOLD),
        (JSON, {}, {"keys": 4000}, DOUBTFUL),
        (JSON, {}, {"keys": 0}, CERTAIN),
        (LIST, {}, {"items": 0}, CERTAIN),
        (LIST, {}, {"items": 4950}, NOTHING_TOLD),
        (OTHER, {}, {"size": 50_000}, DOUBTFUL),
        (CODE, {}, {"filled": 0, "distinct": 0}, CERTAIN),
        (CODE, {}, {"filled": 900}, DOUBTFUL),
        (CODE, {"filled": 600}, {"filled": 400}, NOTHING_TOLD),
        (CODE, {"filled": 600}, {"filled": 100}, DOUBTFUL),
        (CODE, {}, {"distinct": 1}, CERTAIN),
        (CODE, {"distinct": 5}, {"distinct": 1}, DOUBTFUL),
        (CODE, {"distinct": 2}, {"distinct": 1}, NOTHING_TOLD),
    ],
)
def test_a_change_has_the_shape_of_a_known_damage(kind, before, after, told):
    """Half of the probed rows have other values: too few for a column that was written anew."""
    assert changed(kind, before, after, differ=8) == told


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (TEXT, {}, {"broken": 400}),
        (TEXT, {"foreign": 600}, {"foreign": 0, "asked": 600}),
        (NUMBER, {}, {"whole": 1000}),
        (BOOLEAN, {}, {"true": 700}),
        (CODE, {}, {"distinct": 1}),
        (CODE, {}, {"filled": 0, "distinct": 0}),
        (JSON, {}, {"keys": 4000}),
    ],
)
def test_where_the_probed_rows_are_as_they_were_new_rows_made_the_change(kind, before, after):
    assert changed(kind, before, after, differ=0) == NOTHING_TOLD


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "told"),
    [
        (NUMBER, "price", {}, {"total": 5_000_000}, DOUBTFUL),
        (NUMBER, "price", {}, {"total": 100_000}, NOTHING_TOLD),
        (NUMBER, "views", {}, {"total": 5_000_000}, NOTHING_TOLD),
        (NUMBER, "points", {}, {"total": 5_000_000}, NOTHING_TOLD),
        (NUMBER, "price", {}, {"digits": 3000}, CERTAIN),
        (NUMBER, "price", {}, {}, NOTHING_TOLD),
        (WHOLE, "price", {}, {"negative": 1000}, CERTAIN),
        (WHOLE, "balance", {}, {"negative": 1000}, NOTHING_TOLD),
        (WHOLE, "price", {}, {}, NOTHING_TOLD),
        (WHOLE, "order_id", {}, {}, DOUBTFUL),
        (WHOLE, "price", {}, {"distinct": 1, "zero": 1000, "total": 0}, NOTHING_TOLD),
        (WHOLE, "order_id", {}, {"distinct": 1, "zero": 1000, "total": 0}, CERTAIN),
        (BOOLEAN, "paid", {}, {"true": 700}, CERTAIN),
        (BOOLEAN, "paid", {}, {}, NOTHING_TOLD),
        (TEXT, "town", {}, {}, DOUBTFUL),
        (TEXT, "state", {"octets": 5000}, {"octets": 5000}, NOTHING_TOLD),
        (TEXT, "state", {"octets": 25_000}, {"octets": 25_000}, DOUBTFUL),
        (CODE, "state", {"distinct": 8}, {"distinct": 1}, DOUBTFUL),
        (TIME, "created", {}, {}, CERTAIN),
        (TIME, "paid", {}, {}, DOUBTFUL),
        (TIME, "updated_at", {}, {}, NOTHING_TOLD),
        (TIME, "updated_at", {"midnight": 600}, {"midnight": 1000}, NOTHING_TOLD),
        (TIME, "updated_at", {}, {"filled": 0, "distinct": 0}, CERTAIN),
    ],
)
def test_of_a_column_that_was_written_anew_its_kind_and_name_tell_whether_that_may_be(
    kind, name, before, after, told
):
    """All probed rows have other values."""
    assert changed(kind, before, after, differ=16, name=name) == told


@pytest.mark.parametrize(("differ", "told"), [(11, NOTHING_TOLD), (13, DOUBTFUL)])
def test_of_few_values_more_rows_must_differ(differ, told):
    assert changed(CODE, {"distinct": 8}, {"distinct": 8}, differ) == told


@pytest.mark.parametrize(("differ", "told"), [(4, NOTHING_TOLD), (8, DOUBTFUL)])
def test_a_state_that_is_the_same_everywhere_is_told_where_the_probed_rows_had_another(
    differ, told
):
    assert changed(CODE, {"distinct": 8}, {"distinct": 1}, differ, name="state") == told


@pytest.mark.parametrize(
    ("name", "hours", "told"),
    [
        ("paid", (1,) * 16, CERTAIN),
        ("paid", (-2,) * 16, CERTAIN),
        ("updated_at", (1,) * 16, CERTAIN),
        ("updated_at", (24,) * 16, NOTHING_TOLD),
        ("updated_at", tuple(range(1, 17)), NOTHING_TOLD),
    ],
)
def test_times_that_all_moved_by_the_same_are_told_but_for_what_moves_by_days(name, hours, told):
    shifted = table(TIME, {}, tuple(4 * hour for hour in hours), name=name)
    found = compare(table(TIME, {}, name=name), shifted, rows_before=1000, rows_after=1000)

    assert [one.certain for one in found] == told


def test_one_time_in_all_rows_that_moved_is_no_shift():
    alike = tuple(-7 * g for g in range(GROUPS))
    before = table(TIME, {}, alike, name="updated_at")
    after = table(TIME, {}, tuple(state + 4 for state in alike), name="updated_at")

    assert compare(before, after, rows_before=1000, rows_after=1000) == []


def test_a_few_groups_of_probed_rows_are_no_evidence():
    assert changed(TEXT, {}, {}, differ=16, groups=5) == NOTHING_TOLD


# --- without a key --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "after", "rows", "told"),
    [
        (JSON, {}, {"keys": 4000}, 1000, DOUBTFUL),
        (JSON, {}, {"keys": 4800}, 1000, NOTHING_TOLD),
        (JSON, {}, {"keys": 4000}, 2000, NOTHING_TOLD),
        (TEXT, {"foreign": 300}, {"asked": 300}, 1000, CERTAIN),
        (TEXT, {"foreign": 300}, {"asked": 300, "distinct": 900}, 1000, NOTHING_TOLD),
        (TEXT, {"foreign": 300}, {"asked": 240, "filled": 800}, 1000, NOTHING_TOLD),
        (TIME, {}, {"zero": 100}, 1000, CERTAIN),
        (TIME, {}, {"zero": 100, "days": 1000 * 20_300}, 1000, NOTHING_TOLD),
    ],
)
def test_without_a_key_rows_are_the_same_where_their_number_and_values_are_alike(
    kind, before, after, rows, told
):
    found = compare(
        table(kind, before, keyed=False),
        table(kind, after, keyed=False),
        rows_before=1000,
        rows_after=rows,
    )

    assert [one.certain for one in found] == told


@pytest.mark.parametrize(("distinct", "told"), [(250, CERTAIN), (450, NOTHING_TOLD)])
def test_samples_of_other_sizes_are_alike_by_their_shares(distinct, told):
    half = {"asked": 150, "distinct": distinct, "octets": 10_000}
    found = compare(
        table(TEXT, {"foreign": 300}, keyed=False),
        table(TEXT, half, rows=500.0, keyed=False),
        rows_before=1000,
        rows_after=1000,
    )

    assert [one.certain for one in found] == told


def test_a_column_of_another_type_is_another_column():
    after = table(TEXT, {"distinct": 1}, tuple(range(1, GROUPS + 1)))

    assert compare(table(CODE, {}), after, rows_before=1000, rows_after=1000) == []
    assert compare(table(TEXT, {}), after, rows_before=1000, rows_after=1000) != []


# --- rows that came twice -------------------------------------------------------------------------


def grown(rows, *columns):
    """Columns as (name, kind, sums), of a table that is read as a whole."""
    made = [
        ColumnMeasures(mark=mark_of(name), kind=kind, sums={"filled": rows} | sums)
        for name, kind, sums in columns
    ]
    names = tuple(name for name, _, _ in columns)
    return ColumnStatistics(names=names, rows=float(rows), columns=tuple(made))


ONE, TWO = ("a", CODE, {"distinct": 1000}), ("b", CODE, {"distinct": 1000})


def at(latest, mean, rows):
    return ("paid", TIME, {"distinct": 10, "latest": latest * DAY, "days": mean * rows})


@pytest.mark.parametrize(
    ("rows", "before", "after", "told"),
    [
        (2000, [ONE], [ONE], {"a": True}),
        (2000, [ONE], [("a", CODE, {"distinct": 2000})], {}),
        (1100, [ONE, TWO], [ONE, TWO], {"a": False}),
        (1100, [ONE], [ONE], {}),
        (1100, [ONE, TWO, at(100, 50, 1000)], [ONE, TWO, at(101, 50, 1100)], {}),
        (1030, [ONE, TWO], [ONE, TWO], {}),
        (1500, [at(400, 200, 1000)], [at(400, 200, 1500)], {"paid": False}),
        (1500, [at(400, 200, 1000)], [at(500, 260, 1500)], {}),
        (1200, [at(400, 200, 1000)], [at(400, 200, 1200)], {}),
    ],
)
def test_more_rows_without_a_new_value_or_as_old_as_those_before_came_twice(
    rows, before, after, told
):
    found = compare(grown(1000, *before), grown(rows, *after), rows_before=1000, rows_after=rows)

    assert {one.column: one.certain for one in found} == told
