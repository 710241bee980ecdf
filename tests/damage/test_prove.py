"""`restorecheck prove` against the matrix of damages, and proposed checks against it."""

from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest

from restorecheck.aws.adopt.provider import AdoptProvider
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.checks.damage.kinds import LOGICAL, PHYSICAL
from restorecheck.errors import InvalidStateError
from restorecheck.model import Noticed, Severity
from restorecheck.postgres.damage.file_damage import Breaker
from restorecheck.postgres.dump.local_provider import LocalDumpProvider
from restorecheck.postgres.dump.scratch_provider import ScratchProvider
from restorecheck.postgres.server import cluster
from tests import pg, shop
from tests.damage.healthy import MAINTENANCE, SCHEMA
from tests.damage.kinds import ALL
from tests.damage.proving import (
    CLOCK,
    admit_checker,
    drill_of,
    profile_of,
    proposed_specs,
    prover,
    temporary_of,
)
from tests.damage.servers import NAME, UNCHANGED
from tests.reading import database, endpoint_of, read, spec

BY_NAME = {damage.name: damage for damage in ALL}
KINDS = {kind.name: kind for kind in (*LOGICAL, *PHYSICAL)}
PROVIDERS = {
    kind.__name__: kind for kind in (AdoptProvider, LocalDumpProvider, RdsProvider, ScratchProvider)
}
PLATFORM = resources.files("restorecheck.hosts.demo").joinpath("platform.sql")


@pytest.fixture(scope="module")
def source():
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema=shop.ROLES) as made:
        admit_checker(made, "postgres")
        yield made


@pytest.fixture(scope="module")
def store(source):
    with database(source, "shop", shop.SCHEMA):
        yield "shop"


def seeable(proof):
    return [d for d in proof.tried if not d.needs_contents]


def score(proof):
    known = seeable(proof)
    yours = [d for d in known if d.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING}]
    print([(d.kind, d.noticed.value) for d in known if d not in yours])
    return 100 * len(yours) / len(known)


def state(source, name):
    """Everything that a reading tells: rows, contents, structure, sequences."""
    found = read(source, name)
    tables = {n: t.values for n, t in found.tables.items()}
    return tables, found.structure, found.answers


def test_proposed_checks_see_nine_in_ten_and_the_copy_is_as_it_was(source, store):
    profile = profile_of(source, store, shop.night(0))
    before = state(source, store)

    proof = prover(source, store, proposed_specs(profile), taken_at=shop.night(0)).prove()

    assert state(source, store) == before
    assert len(proof.tried) >= 45, [d for d in proof.damages if d.detail]
    assert score(proof) >= 90


def test_proposed_checks_of_the_course_platform_see_nine_in_ten(source):
    with database(source, "courses", PLATFORM.read_text().replace("{answers}", "20000")):
        profile = profile_of(source, "courses")

        proof = prover(source, "courses", proposed_specs(profile), taken_at=CLOCK.now()).prove()

    assert len(proof.tried) >= 28, [(d.kind, d.detail) for d in proof.damages]
    assert score(proof) >= 90


def test_without_checks_of_ones_own_the_score_is_nothing(source, store):
    proof = prover(source, store, (), taken_at=shop.night(0)).prove(
        [
            KINDS["a tenth of a table is missing"],
            KINDS["a table without its rows"],
            KINDS["an empty database of the same structure"],
        ]
    )

    assert proof.seen == 0
    missing, emptied, everything = (d.noticed for d in proof.damages)
    assert (missing, everything) == (Noticed.UNDETECTED, Noticed.OWN)
    assert emptied in {Noticed.OWN, Noticed.OWN_WARNING}


def test_a_check_written_by_hand_sees_what_it_asks_about_and_nothing_else(source, store):
    asked = (
        spec("not_null", name="mine", table="order_items", columns=["order_id"]),
        spec(
            "query", name="by query", sql="select count(*) from customers", expect={"at_least": 1}
        ),
    )
    kinds = [
        "a required column without its values",
        "a tenth of a table is missing",
        "a table is gone",
    ]

    proof = prover(source, store, asked, only=["public.order_items"]).prove(
        [KINDS[k] for k in kinds]
    )

    assert [(d.noticed, d.by[:1]) for d in proof.damages] == [
        (Noticed.YOURS, ("mine",)),
        (Noticed.UNDETECTED, ()),
        (Noticed.YOURS, ("mine",)),
    ]


def test_a_query_is_asked_again_when_what_it_reads_through_was_damaged(source, store):
    asked = (
        spec("query", name="view", sql="select count(*) from recent", expect={"at_least": 1}),
        spec("query", name="function", sql="select tax(100) > 0", expect={"equals": True}),
        spec("query", name="other", sql="select count(*) from products", expect={"at_least": 1}),
    )
    kinds = ["a view is gone", "a function is gone", "a table without its rows"]

    proof = prover(source, store, asked, only=["public.orders"]).prove([KINDS[k] for k in kinds])

    assert [d.by[0] for d in proof.damages] == ["view", "function", "view"]


IN_TURN = (
    "a table without its rows",
    "a truncated table",
    "a table is gone",
    "duplicate rows, no key",
    "orphaned rows, their constraint missing",
    "a required column without its values",
    "an index is gone",
    "a column is gone",
    "a sequence behind its column",
)


def test_a_damage_is_seen_by_the_same_checks_alone_and_after_others(source, store):
    """What a damage changed is told by PostgreSQL's counters, which a session keeps, and by files, which grow."""

    def seen(names):
        proof = prover(source, store, (), taken_at=shop.night(0)).prove([KINDS[n] for n in names])
        return {d.kind: (d.noticed, d.by) for d in proof.damages}

    alone = {name: seen([name])[name] for name in IN_TURN}

    assert seen(IN_TURN) == alone
    assert [n for n, (noticed, _) in alone.items() if noticed is Noticed.UNDETECTED] == []


def test_a_warning_is_told_from_what_fails_the_night(source, store):
    asked = spec("not_null", name="mine", table="order_items", columns=["order_id"])
    quiet = replace(asked, severity=Severity.WARNING)

    proof = prover(source, store, [quiet], only=["public.order_items"]).prove(
        [KINDS["a required column without its values"]]
    )

    assert proof.damages[0].noticed is Noticed.YOURS_WARNING


def test_what_no_dump_can_bring_is_not_tried(source, store):
    why = {kind.name: kind.not_in_a_dump for kind in LOGICAL if kind.not_in_a_dump}
    damaging = prover(source, store, ())

    proof = damaging.prove([KINDS[name] for name in why])

    assert {"collation of another version", "a role membership is gone"} <= set(why)
    assert {d.kind: d.detail for d in proof.damages} == why
    assert proof.tried == ()


VIEWED = """
create table visits (id serial primary key, country text not null);
insert into visits (country) select 'fr' from generate_series(1, 2000);
create view french as select id, country from visits where country = 'fr';
create table older (check (id > 0)) inherits (visits);
insert into older (country) select 'it' from generate_series(1, 500);
"""


def test_checks_of_views_and_of_parents_see_what_is_damaged_behind_them(source):
    with database(source, "viewed", VIEWED) as name:
        asked = (
            spec("row_count", name="view", table="french", min=2_000),
            spec("row_count", name="parent", table="visits", min=2_500),
        )
        kind = [KINDS["a third of a table is missing"]]

        behind = prover(source, name, asked, only=["public.visits"]).prove(kind)
        below = prover(source, name, asked[1:], only=["public.older"]).prove(kind)

        assert behind.damages[0].by[:2] == ("view", "parent")
        assert below.damages[0].by[:1] == ("parent",)


ODD = """
create schema "a.b";
create table "a.b"."c.d" (id serial primary key, at timestamptz not null, name text not null default 'x');
insert into "a.b"."c.d" (at) select timestamptz '2026-03-01' - interval '1 hour' * g from generate_series(1, 2000) g;
create index "by.time" on "a.b"."c.d" (at);
"""


def test_tables_with_dots_in_their_names_are_read_again_when_they_are_damaged(source):
    with database(source, "odd", ODD) as name:
        asked = (spec("row_count", name="mine", table='"a.b"."c.d"', min=2_000),)
        kinds = ["a tenth of a table is missing", "an index is gone"]

        proof = prover(source, name, asked, taken_at=shop.night(0)).prove([KINDS[k] for k in kinds])

        assert [d.by[:1] for d in proof.damages] == [("mine",), ("the structure is the same",)]


def test_append_only_tables_are_compared_with_the_healthy_copy(source, store):
    asked = (spec("append_only", name="mine", table="order_items", key="id"),)
    kinds = [
        "one row lost",
        "two rows have swapped a value",
        "a third of a table is missing",
        "an index is gone",
    ]

    proof = prover(source, store, asked, only=["public.order_items"]).prove(
        [KINDS[k] for k in kinds]
    )

    yours = [d.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING} for d in proof.damages]
    assert yours == [True, True, True, False]


def test_what_columns_look_like_is_looked_at_again(source, store):
    proof = prover(source, store, (), only=["public.order_items"]).prove(
        [KINDS["texts are empty"], KINDS["a column without its values"]]
    )

    assert all("the contents are plausible" in d.by for d in proof.damages), proof.damages


def test_rights_that_widened_fail_what_only_warnings_of_ones_own_have_seen(source, store):
    structure = [s for s in proposed_specs(profile_of(source, store)) if "policy" in s.name]

    proof = prover(source, store, structure).prove([KINDS["row security is off"]])

    assert proof.damages[0].noticed is Noticed.YOURS_WARNING
    assert proof.damages[0].fails


def test_checks_that_fail_in_health_prove_nothing(source, store):
    wrong = spec("row_count", name="mine", table="order_items", min=10**6)

    with pytest.raises(InvalidStateError, match="must pass every check, but mine failed"):
        prover(source, store, [wrong]).prove()


FICKLE = """
select case when count(*) = 12000 then true when pg_advisory_unlock(7) then true else pg_try_advisory_lock(7) is null end
from order_items
"""
"""Of health always true; of damage once false, once true: a lock of the session outlives what is rolled back."""


def test_a_check_that_does_not_answer_the_same_twice_sees_nothing(source, store):
    asked = (
        spec("query", name="fickle", sql=FICKLE, expect={"equals": True}),
        spec("query", name="steady", sql="select count(*) from order_items", expect={"rows": 1}),
    )

    proof = prover(source, store, asked, only=["public.order_items"]).prove(
        [KINDS["a tenth of a table is missing"]]
    )

    assert (proof.damages[0].noticed, proof.damages[0].by) == (Noticed.UNDETECTED, ())
    assert proof.detail.startswith("fickle does not give the same answer twice")


def test_a_warning_that_is_given_in_health_proves_nothing_and_the_others_are_proven(source, store):
    loud = spec("row_count", name="mine", table="order_items", min=12_000)
    wrong = spec("row_count", name="softly", table="orders", min=10**9)
    quiet = replace(wrong, severity=Severity.WARNING)

    proof = prover(source, store, [loud, quiet]).prove([KINDS["a table without its rows"]])

    assert proof.damages[0].by[0] == "mine"
    assert "softly" not in proof.damages[0].by
    assert proof.detail.startswith("softly fails on the undamaged copy")


OBJECTING = """
create function never() returns trigger language plpgsql as 'begin raise exception ''never''; end';
create function ignored() returns trigger language plpgsql as 'begin return null; end';
create function no_ddl() returns event_trigger language plpgsql as 'begin raise exception ''no DDL''; end';
create table log (id bigserial primary key, body text not null, at timestamptz not null default now());
insert into log (body) select 'line ' || g from generate_series(1, 20000) g;
create trigger kept before delete or update on log for each row execute function ignored();
create trigger filled before truncate on log for each statement execute function never();
create rule twice as on insert to log do instead nothing;
alter table log enable always trigger kept; alter table log enable replica trigger filled; alter table log enable always rule twice;
alter table log enable row level security; alter table log force row level security;
create event trigger no_ddl on ddl_command_start execute function no_ddl(); alter event trigger no_ddl enable always;
"""


def test_triggers_and_rules_that_fire_always_are_in_the_way_of_no_damage(source):
    with database(source, "objecting", OBJECTING) as name:
        before = state(source, name)
        kinds = [
            "a tenth of a table is missing",
            "a truncated table",
            "a table is gone",
            "duplicate rows, no key",
            "a duplicate key, once in the index",
            "every time is a month earlier",
            "a disabled trigger",
            "row security is off",
            "an empty database of the same structure",
        ]

        proof = prover(source, name, proposed_specs(profile_of(source, name))).prove(
            [KINDS[kind] for kind in kinds]
        )

        assert [d.kind for d in proof.tried] == kinds, proof.damages
        assert all(d.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING} for d in proof.tried[:5])
        assert state(source, name) == before


def test_what_a_database_asks_of_its_sessions_is_not_asked_of_the_one_that_damages(source):
    wanted = {
        "statement_timeout": "20s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "5s",
        "default_transaction_read_only": "on",
    }
    with database(source, "impatient", "") as name:
        for setting, value in wanted.items():
            source.sql(f"alter database {name} set {setting} = '{value}'", "postgres")

        connection = temporary_of(source, drill_of(source, name)).superuser(name)

        found = {connection.execute(f"show {s}".encode()).fetchone() for s in wanted}
        connection.end()
        assert found == {("0",), ("off",)}


PLANS = """
create table visits (id serial primary key, at timestamptz not null);
insert into visits (at) select timestamptz '2026-03-01' - interval '1 hour' * g from generate_series(1, 2000) g;
create table appointments (id serial primary key, begins timestamptz not null);
insert into appointments (begins) select timestamptz '2026-03-01' + interval '1 hour' * g from generate_series(1, 3000) g;
"""


def test_a_stale_snapshot_is_of_three_days_before_the_backup_and_not_before_the_last_appointment(
    source,
):
    with database(source, "planned", PLANS) as name:
        asked = (spec("row_count", name="mine", table="visits", min=2_000),)

        proof = prover(source, name, asked, taken_at=shop.night(0)).prove(
            [KINDS["a snapshot of three days ago"], KINDS["the last day is missing"]]
        )

        assert [(d.what, d.by[0]) for d in proof.damages] == [
            ("1 table with times", "mine"),
            ("public.visits, by at", "mine"),
        ]


def test_no_damage_is_tried_when_there_is_no_time(source, store):
    late = prover(source, store, ())
    late._until = CLOCK.now() - timedelta(seconds=1)

    proof = late.prove()

    assert proof.tried == ()
    assert {d.detail for d in proof.damages} == {"no time was left"}


# --- the same as when the damage is really there


@pytest.fixture(scope="module")
def matrix():
    """The database of the matrix of damages, with the checks that it is asked."""
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as made:
        with cluster.superuser_connection(made.places) as connection:
            connection.execute(f"create database {NAME}")
        made.sql(SCHEMA, NAME)
        for statement in MAINTENANCE:
            made.sql(statement, NAME)
        yield made


def checks_that_noticed(damage):
    """Names of every drill's own checks, as the matrix names them."""
    return set(damage.by)


def test_verdicts_on_logical_damages_are_those_of_the_matrix(matrix):
    tried = prover(matrix, NAME, UNCHANGED, physical=True, user="postgres")
    names = {s.name: s.kind for s in tried._questions.asked}
    common = [kind for kind in LOGICAL if kind.name in BY_NAME]

    proof = tried.prove(common)

    assert len(proof.tried) >= 25, [(d.kind, d.detail) for d in proof.damages if d.detail]
    for damage in proof.tried:
        kinds = {names.get(name, "unchanged") for name in damage.by}
        assert kinds & BY_NAME[damage.kind].seen_by, damage


FILES_OF_THE_MATRIX = {
    "heap: a zeroed page in the middle": "heap: a zeroed page in the middle",
    "heap: a page overwritten by another": "heap: a page overwritten by another",
    "TOAST: a zeroed page in the middle": "TOAST: a zeroed page",
    "B-tree: no file": "B-tree: no file",
}


def test_verdicts_on_damaged_files_are_those_of_the_matrix(matrix):
    breaker = prover(matrix, NAME, UNCHANGED, of=Breaker, physical=True, user="postgres")
    names = {s.name: s.kind for s in breaker._questions.asked}

    proof = breaker.prove([KINDS[name] for name in FILES_OF_THE_MATRIX])

    assert [d.kind for d in proof.tried] == list(FILES_OF_THE_MATRIX)
    assert (proof.counted, proof.seen) == ((), 0), "a drill of a dump meets none of them"
    for damage in proof.tried:
        kinds = {names.get(name, "unchanged") for name in damage.by}
        assert kinds & BY_NAME[FILES_OF_THE_MATRIX[damage.kind]].seen_by, damage


# --- what is never damaged


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": "another"}, "mark of this drill"),
        ({"keep": True}, "will be kept"),
        ({"ledger": ()}, "will not delete it"),
        ({"endpoint": None}, "not there"),
    ],
)
def test_what_is_not_this_drills_own_to_throw_away_is_not_damaged(source, store, change, why):
    drill = drill_of(source, store, **change)

    with pytest.raises(InvalidStateError, match=why):
        temporary_of(source, drill)


def test_a_kept_directory_and_a_parked_instance_are_not_damaged(source, store):
    drill = drill_of(source, store)
    mark = cluster.read_mark(source.places.directory)
    assert mark is not None
    cluster.write_mark(source.places, replace(mark, kept=True))
    try:
        with pytest.raises(InvalidStateError, match="will be kept"):
            temporary_of(source, drill)
    finally:
        cluster.write_mark(source.places, mark)
    with pytest.raises(InvalidStateError, match="will be kept"):
        temporary_of(source, drill.evolve(parked=drill.ledger))


def test_a_server_of_another_identity_is_not_damaged(source, store):
    ours, other = endpoint_of(source, store), endpoint_of(source, "postgres")
    drill = drill_of(source, store, endpoint=replace(ours, identity=other.identity))

    with pytest.raises(InvalidStateError, match="another server"):
        temporary_of(source, drill).superuser(store)


def test_only_a_provider_that_makes_its_own_server_can_be_asked_for_it():
    own = {name for name, kind in PROVIDERS.items() if hasattr(kind, "temporary")}

    assert own == {"LocalDumpProvider"}
