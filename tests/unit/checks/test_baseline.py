"""What is lost and what only comes and goes, told from two nights."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from restorecheck.checks.baseline import emptied, rejuvenated, shrunk, silent, structure_changes
from restorecheck.checks.memory import LONGEST, MOST_KEPT, remember
from restorecheck.checks.pairs import HABIT, TablePast
from restorecheck.checks.questions import LARGE_OBJECTS
from restorecheck.checks.scan_result import DatabaseReading, TableReading, pack, unpack
from restorecheck.checks.scan_statements import NEWEST, PRINT, ROWS

SEED = 20261128


def night(structure=(), newest=(), traits=(), groups=(), prints=(), **rows):
    """Tables by name; `__` is a dot, and what has none is in `public`."""
    names = {key: key.replace("__", ".") if "__" in key else f"public.{key}" for key in rows}
    moments = {
        key: {f"{NEWEST}at": str(dict(newest)[key])} if key in dict(newest) else {} for key in rows
    }
    printed = {key: {PRINT: dict(prints)[key]} if key in dict(prints) else {} for key in rows}
    tables = {
        names[key]: TableReading(
            values={ROWS: str(count)} | moments[key] | printed[key],
            traits=dict(traits).get(key, ""),
            group=dict(groups).get(key, ""),
        )
        for key, count in rows.items()
    }
    return DatabaseReading(tables=tables, structure=dict(structure), done=True)


def of_tables(*names, columns=("id",), **more):
    """Their structure."""
    found = {f"table {name}": "r owner postgres" for name in names}
    found |= {f"column {name}.{column}": "integer" for name in names for column in columns}
    return found | {key.replace("__", " "): value for key, value in more.items()}


def losses(before, after):
    """Certain ones, and others."""
    found = list(emptied(before, after))
    return [[d.what for d in found if d.certain is certain] for certain in (True, False)]


def lived(*nights):
    """The last of these nights, with what the ones before it have taught."""
    known = None
    for reading in nights:
        known = remember(known, reading)
    return known


# --- what is lost -----------------------------------------------------------------------------


def test_a_table_that_others_point_to_is_missed_when_it_is_empty():
    before = night(orders=900, customers=300, traits={"customers": "r"})

    assert losses(before, night(orders=900, customers=0)) == [["table public.customers"], []]


def test_a_table_to_which_nobody_points_is_worth_a_warning():
    before = night(orders=900, rates=300)

    assert losses(before, night(orders=900, rates=0)) == [[], ["table public.rates"]]


def pointing(definition="FOREIGN KEY (customer_id) REFERENCES public.customers(id)"):
    found = of_tables("public.orders", columns=("id", "customer_id"))
    found |= of_tables("public.customers")
    return found | {"constraint public.orders.to_customer": definition}


@pytest.mark.parametrize(
    "definition", ["FOREIGN KEY (customer_id) REFERENCES public.customers(id)", "#0123456789ab"]
)
def test_a_table_that_is_gone_is_missed_as_long_as_others_have_the_column_that_pointed_to_it(
    definition,
):
    before = night(
        orders=900, customers=300, traits={"customers": "r"}, structure=pointing(definition)
    )
    stays = of_tables("public.orders", columns=("id", "customer_id"))
    migrated = of_tables("public.orders", columns=("id",))

    assert losses(before, night(orders=900, structure=stays))[0] == ["table public.customers"]
    assert losses(before, night(orders=900, structure=migrated)) == [[], []]
    both_gone = night(other=900, structure=of_tables("public.other"))
    assert "table public.customers" not in losses(before, both_gone)[0]


def test_a_table_that_is_gone_and_that_nobody_wants_is_a_change_of_the_structure_alone():
    before = night(a=900, old=300, structure=of_tables("public.a", "public.old"))
    after = night(a=900, structure=of_tables("public.a"))

    assert losses(before, after) == [[], []]
    assert "table public.old: gone" in map(
        str, structure_changes(before.structure, after.structure)
    )


def test_half_of_all_rows_is_missed_wherever_it_is():
    before = night(a=600, b=600, c=100)

    assert losses(before, night(a=299, b=250, c=100))[0] == ["all tables"]
    assert losses(before, night(a=600, b=150, c=100))[0] == []
    assert losses(before, night(a=0, b=0, c=100))[0] == ["all tables"]


def test_one_table_alone_may_be_being_loaded_but_not_where_it_was_nearly_everything():
    assert losses(night(a=300, rates=700), night(a=300, rates=0)) == [[], ["table public.rates"]]
    assert losses(night(a=90, rates=910), night(a=90, rates=0))[0] == ["all tables"]
    assert losses(night(a=300, rates=700), night(a=149, rates=0))[0] == ["all tables"]


def test_a_log_that_has_new_rows_may_lose_its_old_ones_and_one_without_may_not():
    before = night(log=3000, a=150, newest={"log": 1000})

    assert losses(before, night(log=800, a=150, newest={"log": 1001}))[0] == []
    assert losses(before, night(log=800, a=150, newest={"log": 1000}))[0] == ["all tables"]
    pointed = night(log=3000, a=150, newest={"log": 1000}, traits={"log": "r"})
    assert losses(pointed, night(log=800, a=150, newest={"log": 1001}))[0] == ["all tables"]


def test_a_log_is_known_by_a_column_whose_name_has_a_dot():
    before, after = (
        night(log=rows, a=150, newest={"log": newest})
        for rows, newest in ((3000, 1000), (800, 1001))
    )
    for reading in (before, after):
        values = reading.tables["public.log"].values
        values[f"{NEWEST}created.at"] = values.pop(f"{NEWEST}at")

    assert losses(before, after)[0] == []


def test_a_log_that_grows_stays_in_the_account():
    before = night(log=1000, a=600, b=600, newest={"log": 1000})

    assert losses(before, night(log=1100, a=1, b=1, newest={"log": 1001}))[0] == []
    assert losses(before, night(log=500, a=1, b=1, newest={"log": 1000}))[0] == ["all tables"]


def test_a_schema_that_is_gone_is_missed():
    before = night(a=900, billing__invoices=300, billing__payments=300)

    assert losses(before, night(a=900)) == [["schema billing"], []]


@pytest.mark.parametrize(("rows", "lost"), [(100, ["schema billing"]), (99, [])])
def test_a_schema_of_a_few_rows_is_a_change_of_the_structure_alone(rows, lost):
    before = night(a=900, billing__invoices=rows)

    assert losses(before, night(a=900)) == [lost, []]


@pytest.mark.parametrize(
    "names", [("acme", "bolt", "crane"), ("t1", "t2", "t3"), ("y2024", "y2025", "y2026")]
)
def test_a_schema_like_others_may_leave(names):
    before = night(**{f"{n}__{t}": 300 for n in names for t in ("users", "notes")})
    after = night(**{f"{n}__{t}": 300 for n in names[1:] for t in ("users", "notes")})

    certain, warned = losses(before, after)

    assert certain == []
    assert all(names[0] in what or "#" in what for what in warned)
    few = night(**{f"{names[0]}__{t}": 300 for t in ("users", "notes")})
    assert losses(before, few)[0] == ["all tables"], "but not most of them"


def test_all_large_objects_are_missed_and_some_are_not():
    def holding(number):
        return replace(night(a=900), answers={LARGE_OBJECTS: number})

    assert losses(holding("20"), holding("0")) == [["large objects"], []]
    assert losses(holding("20"), holding("17")) == [[], []]
    assert losses(holding("20"), night(a=900)) == [[], []], "nobody has counted them"


def test_a_table_that_was_never_empty_for_five_weeks_is_missed():
    full = night(a=900, rates=300)
    empty = night(a=900, rates=0)

    assert losses(lived(*[full] * (HABIT - 1)), empty) == [[], ["table public.rates"]]
    assert losses(lived(*[full] * HABIT), empty) == [["table public.rates"], []]


def test_a_table_without_a_reading_is_not_called_empty():
    before = night(a=900, customers=300, traits={"customers": "r"})
    after = night(a=900)
    after.tables["public.customers"] = TableReading(doubts={ROWS: "locked"})

    assert losses(before, after) == [[], []]


@pytest.mark.parametrize(
    ("traits", "rows", "certain"),
    [
        ("p", 1000, True),
        ("p", 999, False),
        ("r", 100, True),
        ("pu", 1000, False),
        ("", 5000, False),
    ],
)
def test_a_large_table_that_points_to_others_is_missed_as_one_that_others_point_to(
    traits, rows, certain
):
    before = night(a=9000, lines=rows, traits={"lines": traits})

    found = losses(before, night(a=9000, lines=0))

    assert found == [["table public.lines"], []][:: 1 if certain else -1]


@pytest.mark.parametrize(
    ("traits", "left", "others", "missed"),
    [
        ("p", 1499, 10, True),
        ("r", 1499, 10, True),
        ("p", 1500, 10, False),
        ("", 1499, 10, False),
        ("pv", 1499, 10, False),
        ("p", 1499, 9000, False),
    ],
)
def test_a_quarter_of_a_large_table_that_is_joined_is_missed_where_it_is_much_of_everything(
    traits, left, others, missed
):
    before = night(others=others, lines=2000, traits={"lines": traits})

    found = losses(before, night(others=others, lines=left))

    assert found == [["table public.lines"] if missed else [], []]


def test_a_table_that_is_joined_with_others_loses_few_rows_in_a_night():
    def told(traits, left, rows=1000):
        before = night(lines=rows, traits={"lines": traits})
        return bool(list(shrunk(before, night(lines=left), 0.2)))

    assert [told("p", 970), told("p", 969), told("", 801), told("", 799)] == [
        False, True, False, True,
    ]  # fmt: skip
    assert not told("p", 900, rows=999)


DAY, TAKEN = 86_400, 1_800_000_000


def busy(newest, days=0, column="created_at"):
    """Three tables with a newest row each, of a backup taken so many days later."""
    made = night(**dict.fromkeys("abc", 900))
    for name, moment in zip("abc", newest, strict=True):
        made.tables[f"public.{name}"].values[f"{NEWEST}{column}"] = str(TAKEN + moment)
    taken = datetime.fromtimestamp(TAKEN + days * DAY, UTC) if days is not None else None
    return replace(made, until=taken.isoformat() if taken else "")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (busy([-9, -9, -9]), busy([-9, -9, -9], days=1), True),
        (busy([-9, -9, -9]), busy([-9, -9, -8], days=1), False),
        (busy([-9, -9, -9]), busy([-9, -9, -9], days=0.4), False),
        (busy([-9, -9, -2 * DAY]), busy([-9, -9, -2 * DAY], days=1), False),
        (busy([-9, -9, -9], days=None), busy([-9, -9, -9], days=1), False),
        (busy([-9, -9, -9], column="due"), busy([-9, -9, -9], days=1, column="due"), False),
    ],
)
def test_no_new_row_anywhere_after_a_busy_day_is_worth_a_word(before, after, told):
    assert bool(silent(before, after)) is told


# --- what comes and goes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["jobs", "login_tokens", "user_sessions", "page_cache", "outbox", "etl__stg_a", "staging__a"],
)
def test_names_of_what_comes_and_goes_are_no_certain_loss(name):
    before = night(a=900, **{name: 5000}, traits={name: "r"})

    assert losses(before, night(a=900, **{name: 0}))[0] == []
    assert losses(before, night(a=900, **{name: 120}))[0] == []
    assert list(shrunk(before, night(a=900, **{name: 120}), 0.2)) == []


@pytest.mark.parametrize("trait", ["u", "v"])
def test_unlogged_tables_and_materialized_views_are_no_certain_loss(trait):
    before = night(a=900, c=5000, traits={"c": trait})

    assert losses(before, night(a=900, c=0)) == [[], ["table public.c"]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("log_20261119", "log_20261120"), ("log_20261120", "log_20261121")),
        (("log_20261120",), ("log_20261121",)),
        (("log_2026_11_20", "log_2026_11_21"), ("log_2026_11_21",)),
        (("report_w46", "report_w47"), ("report_w47", "report_w48")),
        (("chunk_12", "chunk_13"), ("chunk_13", "chunk_14")),
        (("a_2024", "a_2025", "a_2026"), ("a_2025", "a_2026")),
    ],
)
def test_daily_tables_rotate(before, after):
    one = night(a=900, **dict.fromkeys(before, 300))
    two = night(a=900, **dict.fromkeys(after, 300))
    one.structure |= of_tables("public.a", *(f"public.{n}" for n in before))
    two.structure |= of_tables("public.a", *(f"public.{n}" for n in after))
    for reading, names in ((one, before), (two, after)):
        reading.structure |= {f"index public.{n}_at_idx": f"CREATE INDEX ON {n}" for n in names}
        reading.structure |= {f"constraint public.{n}.{n}_pkey": "PRIMARY KEY (id)" for n in names}

    assert losses(one, two) == [[], []]
    if len(before) == len(after):
        assert structure_changes(one.structure, two.structure) == ()


def test_a_daily_table_that_comes_back_empty_is_seen_in_the_sum():
    before = night(a=900, log_20261119=400, log_20261120=400)
    after = night(a=900, log_20261119=400, log_20261120=0)

    assert [str(d) for d in shrunk(before, after, 0.2)] == ["table public.log_#: 800 rows → 400"]


def test_a_numbered_table_that_is_gone_alone_is_worth_a_warning():
    names = [f"shard_{i}" for i in range(6)]
    before = night(
        **dict.fromkeys(names, 300), structure=of_tables(*(f"public.{n}" for n in names))
    )
    after = night(
        **dict.fromkeys(names[1:], 300), structure=of_tables(*(f"public.{n}" for n in names[1:]))
    )

    assert losses(before, after) == [[], ["table public.shard_0"]]


def test_chunks_that_inherit_count_for_their_parent():
    groups = dict.fromkeys(("c1", "c2", "c3"), "public.metrics")
    before = night(c1=300, c2=300, groups=groups)

    assert losses(before, night(c2=300, c3=300, groups=groups)) == [[], []]
    assert losses(before, night(c2=0, c3=0, groups=groups))[1] == ["table public.metrics"]


@pytest.mark.parametrize("by", ["columns", "contents"])
def test_a_table_with_another_name_is_not_gone(by):
    columns = ("id", "name")
    structured = by == "columns"
    old = of_tables("public.people", columns=columns) if structured else ()
    new = of_tables("public.persons", columns=columns) if structured else ()
    before = night(people=500, traits={"people": "r"}, prints={"people": "77"}, structure=old)

    same = night(persons=505, prints={"persons": "78" if structured else "77"}, structure=new)
    assert losses(before, same) == [[], []]
    emptier = night(persons=100, prints={"persons": "79"}, structure=new)
    assert losses(before, emptier)[0] != []


def test_what_was_empty_before_is_no_news_and_what_others_point_to_is_a_warning():
    full, empty = night(a=900, q=300), night(a=900, q=0)

    assert losses(lived(full, empty, full), empty) == [[], []]
    assert losses(lived(empty, full), empty) == [[], []]
    pointed = night(a=900, q=300, traits={"q": "r"})
    assert losses(lived(pointed, empty, pointed), empty) == [[], ["table public.q"]]


def test_what_was_empty_once_and_long_ago_is_news_again():
    full, empty = night(a=900, q=300), night(a=900, q=0)

    assert losses(lived(full, empty, *[full] * (HABIT + 2)), empty)[0] == ["table public.q"]


def test_what_shrinks_and_what_goes_back_is_said_once():
    much, less = night(a=900, q=300), night(a=900, q=100)
    late, early = night(a=900, newest={"a": 10}), night(a=900, newest={"a": 9})

    assert [d.what for d in shrunk(lived(much), less, 0.2)] == ["table public.q"]
    assert list(shrunk(lived(much, less, much), less, 0.2)) == []
    assert list(rejuvenated(lived(late), early)) == ["public.a.at"]
    assert list(rejuvenated(lived(late, early, late), early)) == []


def test_what_shrinks_as_a_rule_is_no_loss_of_half_of_all_rows():
    much, less = night(a=150, b=150, q=3000), night(a=150, b=150, q=300)

    assert losses(lived(much), less)[0] == ["all tables"]
    assert losses(lived(much, less, much), less)[0] == []


def test_a_table_that_is_gone_is_named_before_its_columns():
    before = of_tables("public.z", columns="abcdef")

    assert changed(before, {})[0] == "table public.z: gone"


def test_a_table_that_is_named_for_its_rows_is_not_named_for_its_times():
    before = night(a=900, newest={"a": 10})

    assert list(rejuvenated(before, night(a=719, newest={"a": 9}))) == []
    assert list(rejuvenated(before, night(a=720, newest={"a": 9}))) == ["public.a.at"]


# --- memory -----------------------------------------------------------------------------------


def test_a_night_is_remembered_once_however_often_it_is_asked():
    before = remember(None, night(a=900, q=300))
    after = night(a=900, q=0)

    once = remember(before, after)

    assert remember(before, once) == once
    assert (once.nights, once.past) == (2, {"public.q": "2 1 0 0"})


def test_a_new_table_is_known_from_its_first_night_and_one_that_comes_back_is_not_new():
    """Five weeks without being empty count from there."""
    one, both = night(a=900), night(a=900, b=5)

    assert remember(one, both).past == {"public.b": str(TablePast(2))}
    back = lived(one, both, one, both)
    assert back.past == {"public.b": str(TablePast(3, emptied=1))}


def test_only_what_did_something_is_kept_and_not_for_ever():
    quiet = night(**{f"t{c}": 200 for c in "abcdefgh"})
    noted = lived(quiet, replace(quiet, tables={}), quiet)

    assert lived(*[quiet] * 3).past == {}
    assert len(noted.past) == 8
    for _ in range(LONGEST + 1):
        noted = remember(noted, quiet)
    assert noted.past == {}


def test_memory_fits_into_a_drill():
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    letters = [
        f"t{chr(97 + i // 26 // 26)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}" for i in range(3000)
    ]
    known = night(**dict.fromkeys(letters, 200))
    for _ in range(3):
        known = remember(known, night(**{n: chance.choice([0, 200]) for n in letters}))

    assert len(known.past) == MOST_KEPT
    assert unpack(pack({"shop": known}))["shop"] == known


def test_a_baseline_of_an_earlier_version_counts_as_one_night():
    before = night(a=900, q=300)

    assert remember(before, night(a=900, q=0)).past == {"public.q": str(TablePast(2, 1))}


# --- structure --------------------------------------------------------------------------------


def changed(before, after, known=()):
    return [str(d) for d in structure_changes(before, after, known)]


def test_a_constraint_that_is_gone_beside_one_of_nearly_its_name_is_a_change():
    table = of_tables("public.a")
    checks = {f"constraint public.a.a_check{i}": f"CHECK (x > {i})" for i in ("", "1", "2")}

    fewer = {k: v for k, v in checks.items() if not k.endswith("check1")}

    assert changed(table | checks, table | fewer) == ["constraint public.a.a_check1: gone"]


def test_a_column_with_a_number_is_a_change():
    one, two = (
        of_tables("public.a", columns=("line1",)),
        of_tables("public.a", columns=("line1", "line2")),
    )

    assert changed(one, two) == ["column public.a.line2: new"]


def test_a_table_that_is_built_anew_has_its_indexes_under_other_names():
    def built(number, definition="CREATE INDEX"):
        return of_tables("public.prices") | {
            f"index public.prices_new_price_idx{number}": f"{definition} prices_new_price_idx{number}",
            f"constraint public.prices.prices_new_pkey{number}": "PRIMARY KEY (id)",
        }

    assert changed(built(""), built("1")) == []
    assert len(changed(built(""), built("1", "CREATE UNIQUE INDEX"))) == 2


def test_what_has_come_and_gone_before_is_no_change():
    one, two = of_tables("public.a"), of_tables("public.a", "public.top")

    assert changed(one, two)
    assert changed(one, two, {"public.top": "3 1 0 0"}) == []


@pytest.mark.parametrize("all_of", ["all of table", "all of"])
def test_a_daily_partition_is_no_change_of_a_large_structure(all_of):
    """`all of`: as an earlier version has kept it."""
    one = {
        f"{all_of} public.log": "#1",
        f"{all_of} public.log_20261119": "#2",
    }
    two = {
        f"{all_of} public.log": "#1",
        f"{all_of} public.log_20261120": "#4",
    }

    assert changed(one, two) == []
    (only,) = changed(one, {**two, f"{all_of} public.log": "#9"})
    assert only.startswith(f"{all_of} public.log: ")
