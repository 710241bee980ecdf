"""What of a reading goes on after a break, and what is asked together: without a server."""

import pytest

from restorecheck.checks.dialects import postgresql
from restorecheck.checks.scan_result import DatabaseReading, TableReading
from restorecheck.checks.scan_statements import BATCH, ROWS, UNIT_BLOCKS, Depth, Question
from restorecheck.checks.tables import Table
from restorecheck.scan.table_scan import LEAST_UNIT_BLOCKS, Survey, unit_blocks

BLOCKS = 65_536
LARGE = Table(schema="public", name="t", blocks=3 * BLOCKS, bytes=3 * BLOCKS * 8192)
UNITS = {"0", "65536", "131072"}


def nobody():
    raise AssertionError("no connection is made")


def survey(reading, tables=(LARGE,), **options):
    return Survey(
        nobody,
        tables,
        reading,
        sql=postgresql,
        depth=Depth(contents=False, constraints=False, newest=False),
        asked={},
        major=17,
        **{"connections": 1, **options},
    )


def part(*keys):
    return DatabaseReading(parts={"public.t": {key: {ROWS: "1"} for key in keys}})


@pytest.mark.parametrize(
    ("reading", "left"),
    [
        (DatabaseReading(), UNITS),
        (part("0"), UNITS - {"0"}),
        (part("65536", "131072"), {"0"}),
        (part("all"), UNITS),
        (part("0", "32768"), UNITS),
        (part("0", "196608"), UNITS),
    ],
)
def test_a_table_is_gone_on_with_unless_its_parts_were_cut_for_another_size(reading, left):
    going_on = survey(reading)._progress

    assert going_on.open == {"public.t": left}
    assert set(reading.parts.get("public.t", {})) == UNITS - left


@pytest.mark.parametrize("why", [{"problem": "invalid page"}, {"doubt": "no answer"}])
def test_a_part_that_ends_after_its_table_was_given_up_is_not_taken_for_the_whole(why):
    reading = DatabaseReading()
    progress = survey(reading)._progress
    progress.note(LARGE, "0", {ROWS: "1"}, 0.0)

    progress.give_up(LARGE, **why)
    progress.note(LARGE, "65536", {ROWS: "2"}, 0.0)

    assert reading.tables["public.t"].values == {}
    assert reading.parts == {}


@pytest.mark.parametrize(
    ("blocks", "connections", "size"),
    [
        ([100_000], 1, UNIT_BLOCKS),
        ([100_000], 2, 12_500),
        ([20_000, 80_000], 2, 12_500),
        ([50_000], 4, LEAST_UNIT_BLOCKS),
        ([10**7], 4, UNIT_BLOCKS),
        ([], 4, LEAST_UNIT_BLOCKS),
    ],
)
def test_several_connections_share_a_table_that_is_most_of_its_database(blocks, connections, size):
    tables = [Table(schema="public", name=f"t{n}", blocks=some) for n, some in enumerate(blocks)]

    assert unit_blocks(tables, connections) == size


def test_a_table_is_read_by_as_many_connections_as_there_are():
    table = Table(schema="public", name="t", blocks=40_000)
    going_on = survey(DatabaseReading(), tables=(table,), connections=2)

    assert [task.unit for task in going_on._tasks()] == [
        (first, first + 8_192 if first + 8_192 < 40_000 else -1)
        for first in range(0, 40_000, 8_192)
    ]


@pytest.mark.parametrize(
    ("read", "is_open"),
    [
        (TableReading(values={ROWS: "1"}), False),
        (TableReading(problem="invalid page"), False),
        (TableReading(doubts={ROWS: "no right"}), False),
        (TableReading(doubts={"nulls": "no right"}), True),
        (TableReading(), True),
    ],
)
def test_what_is_read_damaged_or_denied_is_not_read_again(read, is_open):
    going_on = survey(DatabaseReading(tables={"public.t": read}))._progress

    assert bool(going_on.open) is is_open


def asked(key, weight, **more):
    return Question(key=key, sql="", weight=weight, **more)


def test_what_needs_the_same_extension_is_one_connection_s_work_and_the_small_is_asked_together():
    """Another connection that makes the extension waits until the first one is done."""
    made = {"prelude": "create extension a"}
    questions = [
        asked("a:small", 1, small=True, **made),
        asked("a:large", 5, **made),
        asked("a:larger", 6, **made),
        asked("a:little", 1, small=True, **made),
        asked("b:large", 7, prelude="create extension b"),
        asked("large", 9),
        asked("small", 1, small=True),
    ]

    tasks = [*survey(DatabaseReading(), tables=(), questions=questions)._tasks()]

    assert [
        [[q.key for q in (part.questions or [part.question])] for part in (task.parts or [task])]
        for task in tasks
    ] == [
        [["a:larger"], ["a:large"], ["a:small", "a:little"]],
        [["large"]],
        [["b:large"]],
        [["small"]],
    ]


def test_what_several_connections_can_prepare_at_once_is_shared_by_all_of_them():
    made = {"prelude": "create function pg_temp.f()", "shared": True}
    weights = {"largest": 9, "large": 5, "middle": 4, "little": 1}
    questions = [asked(name, weight, **made) for name, weight in weights.items()]
    questions += [asked(f"small {n}", 0, small=True, **made) for n in range(BATCH + 1)]

    tasks = [*survey(DatabaseReading(), tables=(), questions=questions, connections=2)._tasks()]

    assert [
        [part.question.key if part.question else len(part.questions) for part in task.parts]
        for task in tasks
    ] == [["largest", "little", 1], ["large", "middle", BATCH]]


def test_a_small_table_and_the_questions_about_it_are_one_connection_s_work():
    """Each connection looks up the definition of each table that it reads."""
    tables = [Table(schema="public", name=f"t{n}", blocks=1) for n in range(BATCH + 1)]
    questions = [
        asked("of the last", 1, small=True, table=tables[-1].quoted),
        asked("of the first", 1, small=True, table=tables[0].quoted),
        asked("of a read one", 1, small=True, table="public.read"),
    ]

    tasks = [*survey(DatabaseReading(), tables=tables, questions=questions)._tasks()]

    assert [
        [(len(part.scans), [q.key for q in part.questions]) for part in (task.parts or [task])]
        for task in tasks
    ] == [
        [(BATCH, []), (0, ["of the first"])],
        [(1, []), (0, ["of the last"])],
        [(0, ["of a read one"])],
    ]


def test_a_read_table_leaves_its_questions_to_any_connection():
    tables = [Table(schema="public", name=name, blocks=1) for name in ("old", "new")]
    read = DatabaseReading(tables={"public.old": TableReading(values={ROWS: "1"})})
    questions = [asked(t.name, 1, small=True, table=t.quoted) for t in tables]

    tasks = [*survey(read, tables=tables, questions=questions)._tasks()]

    assert [[q.key for part in (t.parts or [t]) for q in part.questions] for t in tasks] == [
        ["new"],
        ["old"],
    ]
