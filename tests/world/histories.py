"""Short histories of one table, and the answer that a check owes after each night."""

from dataclasses import dataclass

from restorecheck.model import CheckSpec
from tests.world.nights import FAILED, PASSED, Answer, Answers, spec

OTHER = (Answer("error", r"(?i)type|number|time|operator|cast|date|represent|does not exist"),)
HIDDEN = (Answer("error", r"(?i)row.level|row security|42501"),)


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    name: str
    made: str
    checks: tuple[tuple[CheckSpec, tuple[Answers, ...]], ...]
    """And what is right, night by night."""
    later: tuple[str, ...] = ()
    """What happens before the second night, the third …"""
    user: str = "postgres"


def _history(
    name: str, check: CheckSpec, made: str, *nights: tuple[str, Answers], user: str = "postgres"
) -> History:
    """The first night passes unless it is said with an empty text."""
    first = nights[0][1] if nights and not nights[0][0] else PASSED
    rest = [night for night in nights if night[0]]
    return History(
        name=name,
        made=made,
        checks=((check, (first, *(right for _, right in rest))),),
        later=tuple(text for text, _ in rest),
        user=user,
    )


APPENDS = spec("append_only", "appends", table="public.o", key="k")
INTS = "create table o (k int, v text); insert into o select i, 'v' || i from generate_series(1, 20, 2) i"
FRESH = spec("freshness", "fresh", table="public.o", column="at", max_age_hours=24)
BEATS = spec("heartbeat", "beats", table="public.o", column="at", max_age_minutes=60)
FUTURE = "create table o (at timestamptz); insert into o values ({})"


def _volatile(*patterns: str) -> CheckSpec:
    return CheckSpec(
        name="volatile", kind="not_emptied", options={"volatile": list(patterns)}, built_in=True
    )


def _forgiven(
    name: str, table: str, *patterns: str, right: Answers = PASSED, before: str = ""
) -> History:
    """A large table is emptied, and a pattern says that it may be; all that is beside it stays."""
    made = f"{before}; create table {table} (v int); insert into {table} select generate_series(1, 500);"
    return _history(
        name,
        _volatile(*patterns),
        made + " create table rest (v int); insert into rest select generate_series(1, 5000)",
        (f"delete from {table}", right),
    )


MANY = (
    _history(
        "append_only: a row that was in flight",
        APPENDS,
        INTS,
        ("insert into o values (4, 'late')", PASSED),
        ("insert into o values (22, 'new')", PASSED),
    ),
    _history(
        "append_only: one in flight comes, another is lost",
        APPENDS,
        INTS,
        ("insert into o values (4, 'late'); delete from o where k = 3", FAILED),
    ),
    _history(
        "append_only: one comes, another changes",
        APPENDS,
        INTS,
        ("insert into o values (4, 'late'); update o set v = 'x' where k = 3", FAILED),
    ),
    _history(
        "append_only: a row without a key",
        APPENDS,
        INTS + "; insert into o values (null, 'a')",
        ("insert into o values (null, 'b')", PASSED),
    ),
    _history(
        "append_only: a row without a key is lost",
        APPENDS,
        INTS + "; insert into o values (null, 'a')",
        ("delete from o where k is null; insert into o values (99, 'z')", FAILED),
    ),
    _history(
        "append_only: a row without a key changes",
        APPENDS,
        INTS + "; insert into o values (null, 'a')",
        ("update o set v = 'b' where k is null", FAILED),
    ),
    _history(
        "append_only: all keys are NULL",
        APPENDS,
        "create table o (k int, v text); insert into o values (null, 'a')",
        ("select 1", PASSED),
    ),
    _history(
        "append_only: more rows of the same day",
        APPENDS,
        "create table o (k date, v text); insert into o values ('2026-01-01', 'a')",
        ("insert into o values ('2026-01-01', 'b')", PASSED),
        ("delete from o where v = 'a'", FAILED),
    ),
    _history(
        "append_only: more rows of the same moment",
        APPENDS,
        "create table o (k timestamptz, v text); insert into o values ('2026-01-01', 'a')",
        ("insert into o values ('2026-01-01', 'b')", PASSED),
    ),
    _history(
        "append_only: a key without end",
        APPENDS,
        "create table o (k timestamptz, v text); insert into o values ('2026-01-01', 'a'), ('infinity', 'z')",
        ("insert into o values ('2026-01-02', 'b')", PASSED),
        ("delete from o where v = 'a'", FAILED),
    ),
    _history(
        "append_only: a new column",
        APPENDS,
        INTS,
        ("alter table o add n int", PASSED),
        ("update o set v = 'x' where k = 3", FAILED),
    ),
    _history(
        "append_only: a new column in front of a new row",
        APPENDS,
        INTS,
        ("alter table o add n int; insert into o values (22, 'b', 7)", PASSED),
        ("insert into o values (24, 'c', 8)", PASSED),
    ),
    _history(
        "append_only: keys beyond what a float holds",
        APPENDS,
        "create table o (k int8, v text); insert into o values (9007199254740992, 'a')",
        ("insert into o values (9007199254740993, 'b')", PASSED),
        ("delete from o where v = 'a'", FAILED),
    ),
    _history(
        "append_only: empty at first",
        APPENDS,
        "create table o (k int, v text)",
        ("insert into o values (1, 'a')", PASSED),
        ("delete from o", FAILED),
    ),
    _history(
        "append_only: a key of a domain",
        APPENDS,
        "create domain d as int; create table o (k d, v text); insert into o values (1, 'a')",
        ("insert into o values (2, 'b')", PASSED),
        ("delete from o where v = 'a'", FAILED),
    ),
    _history(
        "append_only: a key of a domain over times",
        APPENDS,
        "create domain d as timestamptz; create table o (k d, v text); insert into o values ('2026-01-01', 'a')",
        ("insert into o values ('2026-01-02', 'b')", PASSED),
        ("delete from o where v = 'a'", FAILED),
    ),
    _history(
        "append_only: a key that is no number",
        APPENDS,
        "create table o (k uuid, v text); insert into o values ('aaaaaaaa-0000-0000-0000-000000000001', 'a')",
        ("", OTHER),
    ),
    _history(
        "freshness: a row in the future hides nothing",
        FRESH,
        FUTURE.format("now() - interval '9 days'), (now() + interval '20 hours'"),
        ("", FAILED),
    ),
    _history(
        "freshness: far in the future, beside fresh rows",
        FRESH,
        FUTURE.format("now()), (now() + interval '900 days'"),
    ),
    _history(
        "freshness: far in the future, beside old rows",
        FRESH,
        FUTURE.format("now() - interval '9 days'), ('9999-12-31'"),
        ("", FAILED),
    ),
    _history(
        "freshness: the end of all time, beside fresh rows",
        FRESH,
        FUTURE.format("now()), ('294276-01-01'"),
    ),
    _history("freshness: infinity beside fresh rows", FRESH, FUTURE.format("now()), ('infinity'")),
    _history(
        "freshness: infinity beside old rows",
        FRESH,
        FUTURE.format("now() - interval '9 days'), ('infinity'"),
        ("", FAILED),
    ),
    _history(
        "freshness: nothing but the future",
        FRESH,
        FUTURE.format("now() + interval '20 hours'"),
        ("", FAILED),
    ),
    _history(
        "heartbeat: a row in the future hides nothing",
        BEATS,
        FUTURE.format("now() - interval '9 days'), (now() + interval '20 hours'"),
        ("", FAILED),
    ),
    _history(
        "heartbeat: a clock that is a little ahead",
        BEATS,
        FUTURE.format("now() + interval '20 seconds'"),
    ),
    _history(
        "freshness: a day", FRESH, "create table o (at date); insert into o values (current_date)"
    ),
    _history(
        "freshness: a domain",
        FRESH,
        "create domain d as timestamptz; create table o (at d); insert into o values (now())",
        ("update o set at = at - interval '9 days'", FAILED),
    ),
    _history(
        "freshness: no column of times",
        FRESH,
        "create table o (at text); insert into o values ('2026-01-01')",
        ("", OTHER),
    ),
    _history(
        "freshness: a time without a day",
        FRESH,
        "create table o (at time); insert into o values ('12:00')",
        ("", OTHER),
    ),
    _history(
        "freshness: seconds since 1970",
        FRESH,
        "create table o (at bigint); insert into o values (1)",
        ("", OTHER),
    ),
    _history(
        "query: what a role may not see",
        spec(
            "query", "asks", sql="select count(*) from public.o where v < 0", expect={"equals": 0}
        ),
        "grant pg_read_all_data to weak; create table o (v int); insert into o values (-1); alter table o enable row level security",
        ("", HIDDEN),
        user="weak",
    ),
    _history(
        "row_count: what a role may not see",
        spec("row_count", "counts", table="public.o", max=0),
        "grant pg_read_all_data to weak; create table o (v int); insert into o values (-1); alter table o enable row level security",
        ("", HIDDEN),
        user="weak",
    ),
    _history(
        "unique: what a role may not see",
        spec("unique", "unique", table="public.o", columns=["v"]),
        "grant pg_read_all_data to weak; create table o (v int); insert into o values (1), (1); alter table o enable row level security",
        ("", HIDDEN),
        user="weak",
    ),
    _history(
        "query: the database's search path",
        spec("query", "asks", sql="select count(*) from o", expect={"equals": 1}),
        "create schema app; create table app.o (v int); insert into app.o values (1); create table o (v int);"
        " do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$",
    ),
    History(
        name="names of checks that begin alike",
        made="create table o (k int, u int, v text, n numeric); insert into o values (1, 1, 'a', 1), (2, null, null, 2)",
        checks=(
            (spec("unique", "u", table="o", columns=["u"]), (PASSED,)),
            (spec("not_null", "u:present", table="o", columns=["v"]), (FAILED,)),
            (spec("distribution", "d", table="o", column="n", max_shift="10%"), (PASSED,)),
            (spec("not_null", "d:total", table="o", columns=["v"]), (FAILED,)),
            (spec("not_null", "d:present", table="o", columns=["k"]), (PASSED,)),
            (spec("append_only", "a", table="o", key="k"), (PASSED,)),
            (spec("not_null", "a:greatest", table="o", columns=["v"]), (FAILED,)),
            (spec("not_null", "a:until", table="o", columns=["k"]), (PASSED,)),
        ),
    ),
    History(
        name="one check errs, the others on its table do not",
        made="create table o (k int, v text); insert into o values (1, 'a'), (2, null)",
        checks=(
            (spec("range", "errs", table="o", column="v", min=1), (OTHER, OTHER)),
            (spec("not_null", "values", table="o", columns=["k"]), (PASSED, PASSED)),
            (spec("not_null", "no values", table="o", columns=["v"]), (FAILED, FAILED)),
            (spec("row_count", "rows", table="o", min=1), (PASSED, PASSED)),
            (spec("unchanged", "as it was", table="o"), (PASSED, FAILED)),
            (
                spec("distribution", "even", table="o", column="k", max_shift="10%"),
                (PASSED, FAILED),
            ),
        ),
        later=("update o set k = 9 where k = 2",),
    ),
    History(
        name="unchanged: other contents of a table with one name less",
        made="create table o (k int, v text); insert into o values (1, 'a'), (2, 'b')",
        checks=((spec("unchanged", "as it was", table="public.o"), (PASSED, PASSED, FAILED)),),
        later=(
            "alter table o rename to x; create table o (k int, v text); insert into o select * from x order by k desc; drop table x",
            "update o set v = case k when 1 then 'b' else 'a' end",
        ),
    ),
    _forgiven("volatile: with its schema", "sessions", "public.sessions"),
    _forgiven("volatile: without schema", "sessions", "sessions"),
    _forgiven("volatile: in unquoted upper case", "sessions", "PUBLIC.Sessions"),
    _forgiven("volatile: quoted", '"Sessions"', '"Sessions"'),
    _forgiven("volatile: mixed case, as written", '"Sessions"', "public.Sessions"),
    _forgiven("volatile: a pattern without schema", "cache_1", "cache_*"),
    _forgiven("volatile: a whole schema", "app.s", "app.*", before="create schema app"),
    _forgiven(
        "volatile: by the search path",
        "app.s",
        "s",
        before="create schema app; do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$",
    ),
    _forgiven(
        "volatile: another schema's table of that name",
        "app.sessions",
        "public.sessions",
        before="create schema app; create table public.sessions ()",
        right=FAILED,
    ),
    _forgiven("volatile: a dot in a name", '"a.b"', '"a.b"'),
    _forgiven("volatile: a name with a bracket", '"a[1]"', '"a[1]"'),
    _forgiven("volatile: nobody forgave it", "sessions", "session", right=FAILED),
)
