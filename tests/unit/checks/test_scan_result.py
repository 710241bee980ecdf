"""What is kept of a reading, and compared: the pure part."""

import pytest

from restorecheck.checks import baseline, scan_result, structure
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
    newest_by_group,
    pack,
    progress,
    rows_by_group,
    shown_size,
    unpack,
)
from restorecheck.checks.scan_statements import NEWEST, NOTHING, PRINT, ROWS
from restorecheck.checks.structure import alike, bounded
from tests.scans import own

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
    parts = DatabaseReading(parts={"t": {"0": {ROWS: "1", PRINT: None}}})
    asked = DatabaseReading(
        relations={"public.t": RelationReading(members=["public.t"], columns=["id"])},
        asked={"mine": AskedReading(relation="public.t", columns={"Id": "id"})},
    )
    made = {"a": reading(5), "b": parts, "c": asked}

    assert unpack(pack(made)) == made


def test_fingerprints_of_tables_that_a_check_is_about_are_kept_however_many_tables_there_are(
    monkeypatch,
):
    monkeypatch.setattr(scan_result, "LARGEST_PACKED", 150_000)
    made = reading(5000, columns=25)
    wanted = "public.table_of_things_7"
    made.relations[wanted] = RelationReading(members=[wanted])

    kept = unpack(pack({"courses": made}))["courses"].tables

    assert [name for name, table in kept.items() if PRINT in table.values] == [wanted]
    assert all(ROWS in table.values for table in kept.values())


@pytest.mark.parametrize("text", ["", "nonsense", "{}", pack({})])
def test_what_cannot_be_understood_is_no_baseline(text):
    assert unpack(text) == {}


def test_readings_of_many_tables_lose_nothing():
    made = {"courses": reading(12_000, columns=5)}

    assert unpack(pack(made)) == made


@pytest.mark.parametrize("tables", [10, 400, 2000])
def test_a_change_is_seen_whatever_is_kept_of_the_structure(tables):
    before = reading(tables, columns=25).structure
    after = reading(tables, columns=25, **{"column public.table_of_things_3.c1": "text"}).structure

    assert baseline.structure_changes(before, before) == ()
    assert len(baseline.structure_changes(before, after)) == 1


def test_a_coarse_and_a_fine_structure_are_compared_as_coarse():
    fine = reading(10).structure
    coarse = structure.in_form(fine, 2)

    first, second = alike(fine, coarse)

    assert first == second == coarse
    assert baseline.structure_changes(coarse, fine) == ()


# --- compared ---------------------------------------------------------------------------------


def rows(**tables):
    return DatabaseReading(
        tables={
            name: TableReading(values={ROWS: str(count)}, group=name.partition("__")[0])
            for name, count in tables.items()
        }
    )


def emptied(before, after):
    return [str(d) for d in baseline.emptied(rows(**before), rows(**after))]


def test_partitions_come_and_go_and_their_table_stays():
    before = {"log__jan": 500, "log__feb": 500}

    assert emptied(before, {"log__feb": 500, "log__mar": 400}) == []
    assert emptied(before, {"log__mar": 0}) == [
        "all tables: 1,000 rows → 0 rows",
        "table log: 1,000 rows → 0 rows",
    ]


def test_no_table_has_shrunk_says_which_were_emptied_instead():
    before, tonight = (
        rows(a=1000, b=5000),
        [rows(a=1000, b=5000), rows(a=0, b=5000), rows(a=0, b=0)],
    )

    found = [own("not_shrunk", after, before) for after in tonight]

    assert {judgement.detail for judgement in found} == {""}
    assert [judgement.found for judgement in found] == [
        "2 tables compared",
        "2 tables compared, 1 of them emptied",
        "2 tables compared, 2 of them emptied",
    ]


def test_small_tables_may_be_emptied():
    assert emptied({"queue": 99, "big": 1000}, {"queue": 0, "big": 1000}) == []


def test_a_table_that_could_not_be_read_is_not_called_empty():
    after = rows(a=1000)
    after.tables["b"] = TableReading(problem="invalid page", group="b")

    assert list(baseline.emptied(rows(a=1000, b=5000), after)) == []


def test_tables_that_come_and_go_are_not_compared():
    before, after = (
        rows(**{"public.sessions": 900, "public.users": 50_000}),
        rows(**{"public.users": 50_000}),
    )

    assert emptied_without(before, after, []) == ["table public.sessions: gone"]
    assert emptied_without(before, after, ["public.sess*"]) == []


def emptied_without(before, after, patterns):
    pair = (baseline.without(before, patterns), baseline.without(after, patterns))
    return [str(difference) for difference in baseline.emptied(*pair)]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_partitions_of_a_table_are_counted_together_and_the_newest_of_all_is_its_newest(turn):
    parts = {
        "public.t_jan": TableReading(values={ROWS: "4", f"{NEWEST}at": "100.5"}, group="public.t"),
        "public.t_feb": TableReading(values={ROWS: "3", f"{NEWEST}at": "7"}, group="public.t"),
        "public.t_mar": TableReading(values={ROWS: "0", f"{NEWEST}at": NOTHING}, group="public.t"),
        "public.u": TableReading(values={ROWS: "1", f"{NEWEST}at": "5"}),
    }
    read = DatabaseReading(tables=dict([*parts.items()][::turn]))

    assert rows_by_group(read) == {"public.t": 7, "public.u": 1}
    assert newest_by_group(read, NEWEST) == {"public.t.at": 100.5, "public.u.at": 5}


# --- on the way -------------------------------------------------------------------------------


def on_the_way(there, read, wall, **more):
    return DatabaseReading(bytes_there=there, bytes_read=read, wall=wall, **more)


def test_how_long_the_reading_takes_is_known_by_what_all_databases_have_been_read_of():
    """Three of nine gigabytes in two minutes."""
    readings = {
        "a": on_the_way(5 * 10**9, 10**9, 60.0),
        "b": on_the_way(4 * 10**9, 2 * 10**9, 60.0),
    }

    said = progress(readings)

    assert "3.0 GB of 9.0 GB" in said
    assert "25.0 MB/s" in said
    assert "about 4 min" in said


def test_when_everything_is_read_the_questions_beside_it_are_counted():
    read = on_the_way(10**9, 10**9, 60.0, answers={"a": "1", "b": "2"})
    said = progress({"a": read, "b": on_the_way(10**9, 10**9, 60.0, answers={"a": "1"})})

    assert " 3 other questions" in said
    assert " min" not in said


@pytest.mark.parametrize("reading", [on_the_way(10, 0, 1.0), on_the_way(10, 5, 0.0)])
def test_before_anything_is_read_nothing_is_foretold(reading):
    assert progress({"a": reading}) == "reading"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_500_000, "2.5 MB"),
        (3 * 10**9, "3.0 GB"),
        (4 * 10**12, "4.0 TB"),
    ],
)
def test_sizes_have_the_unit_that_fits(number, text):
    assert shown_size(number) == text
