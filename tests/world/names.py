"""How a check can name a relation, and which relations there are to be named.

Every relation has the same columns and, where it can have any, the same rows; so every kind of check
has the same right answer for all of them, whatever they are called and however their rows are stored.
"""

from dataclasses import dataclass, field

COLUMNS = {
    "id": "int",
    "made": "timestamptz",
    "total": "numeric",
    "kind": "text",
    "code": "text",
    "note": "text",
    "peer": "int",
}
BIG = 100_000


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way to name one relation."""

    name: str
    table: str
    """As it stands in the configuration."""
    sql: str = ""
    """As SQL has it, for making and filling it; by default as in the configuration."""
    make: str = "create table {sql} ({columns})"
    """`{sql}`, `{columns}` and `{like}` (a table with these columns) are put in."""
    parts: tuple[tuple[str, int, int], ...] = ()
    """Where rows of its own lie: relation, first and last id; the last one gets new and bad rows."""
    again: str = ""
    """On the second night, which is as healthy: what changes nothing about the contents."""
    refresh: str = ""
    """After every change."""
    means: str = "rows"
    """Which answers are right: see `tests.world.expected`."""
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Column → its name in SQL, and in the configuration."""
    to: str = "public.peers"
    still: bool = False
    """Stands beside another of nearly the same name, and is never changed: it passes every night."""

    @property
    def relation(self) -> str:
        return self.sql or self.table

    @property
    def places(self) -> tuple[tuple[str, int, int], ...]:
        return self.parts or ((self.relation, 1, BIG),)

    def column(self, name: str) -> str:
        return self.columns[name][0] if name in self.columns else name

    def written(self, name: str) -> str:
        return self.columns[name][1] if name in self.columns else name

    @property
    def listed(self) -> str:
        return ", ".join(f"{self.column(name)} {kind}" for name, kind in COLUMNS.items())


def _renamed(*pairs: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    return {name: (sql, written) for name, sql, written in pairs}


def _all_columns(sql, written) -> dict[str, tuple[str, str]]:
    return {name: (sql(name), written(name)) for name in COLUMNS}


LONG = "a" * 58 + "_long"
WIDE = "ü" * 31 + "x"

SPELLINGS = (
    Form(name="plain with schema", table="public.plain"),
    Form(name="without schema, in public", table="bare"),
    Form(name="quoted upper case", table='"Quoted"'),
    Form(name="quoted upper case with schema", table='public."QuotedToo"'),
    Form(name="all parts quoted", table='"public"."all_quoted"'),
    Form(name="unquoted upper case", table="UPPERED", sql="uppered"),
    Form(name="unquoted upper case with schema", table="PUBLIC.UPPERED_TOO", sql="uppered_too"),
    Form(name="unquoted name of a mixed-case table", table="MixedOnly", sql='"MixedOnly"'),
    Form(name="the same with schema", table="public.MixedToo", sql='public."MixedToo"'),
    Form(name="unquoted schema in mixed case", table="App.mixed", sql='"App".mixed'),
    Form(name="both cases there, unquoted", table="Twice", sql="twice"),
    Form(name="both cases there, quoted", table='"Twice"', still=True),
    Form(name="both cases there, the lower one healthy", table="Pair", sql="pair", still=True),
    Form(name="both cases there, the quoted one not", table='"Pair"'),
    Form(name="a dot in the table's name", table='a."b.c"'),
    Form(name="a dot in the schema's name", table='"a.b".c', still=True),
    Form(name="a dot in another table's name", table='p."q.r"', still=True),
    Form(name="a dot in another schema's name", table='"p.q".r'),
    Form(name="a dot in a name of public", table='"x.y"'),
    Form(name="the schema and table of that name", table="x.y", still=True),
    Form(name="a dot in a healthy name of public", table='"v.w"', still=True),
    Form(name="the broken schema and table of that name", table="v.w"),
    Form(name="public and a dot, all one name", table='"public.same"', still=True),
    Form(name="that table in public", table="public.same"),
    Form(name="partly quoted: the table", table='app."Orders"'),
    Form(name="partly quoted: the schema", table='"App".orders'),
    Form(name="partly quoted, folded", table='"App".ORDERED', sql='"App".ordered'),
    Form(name="two schemas, one name", table="one.twin"),
    Form(name="two schemas, one name, the other", table="two.twin", still=True),
    Form(name="a space", table='"with space"'),
    Form(name="a space, as written", table="public.two words", sql='public."two words"'),
    Form(name="blanks around", table='" around "'),
    Form(name="double quotes", table='"say ""hi"""'),
    Form(name="a double quote and a dot", table='"we.""ird"'),
    Form(name="a single quote", table='"it\'s"'),
    Form(name="emoji", table='"📦 orders"'),
    Form(name="emoji, as written", table="📦", sql='"📦"'),
    Form(name="a newline", table='"two\nlines"'),
    Form(name="a tab and a backslash", table='"a\tb\\c"'),
    Form(name="percent, braces, dollar, colon", table='"100% {x} $1 :y %s"'),
    Form(name="a reserved word", table='"select"'),
    Form(name="a reserved word, as written", table="public.order", sql='public."order"'),
    Form(name="a type's name", table="public.int4"),
    Form(name="a catalog's name", table="public.pg_class"),
    Form(name="63 letters", table=f"public.{LONG}"),
    Form(name="63 bytes of umlauts", table=f'public."{WIDE}"'),
    Form(name="longer than a name can be", table=f"public.z{LONG}", sql=f"public.z{LONG[:62]}"),
    Form(name="umlauts are not folded", table="ÄRGER", sql='"Ärger"'),
    Form(name="looks temporary", table="public.pg_temp_12345"),
    Form(name="looks like a partition", table="public.log_20260101"),
    Form(name="a number in front", table='public."2026"'),
    Form(name="a number in front, as written", table="public.2025", sql='public."2025"'),
)
COLUMN_SPELLINGS = (
    Form(
        name="columns in unquoted upper case",
        table="public.col_upper",
        columns=_all_columns(str, str.upper),
    ),
    Form(
        name="columns in mixed case, as written",
        table="public.col_mixed",
        columns=_all_columns(lambda c: f'"{c.title()}"', str.title),
    ),
    Form(
        name="columns in mixed case, quoted",
        table="public.col_quoted",
        columns=_all_columns(lambda c: f'"{c.title()}"', lambda c: f'"{c.title()}"'),
    ),
    Form(
        name="columns with a space, as written",
        table="public.col_space",
        columns=_all_columns(lambda c: f'"the {c}"', lambda c: f"the {c}"),
    ),
    Form(
        name="columns with a dot, as written",
        table="public.col_dot",
        columns=_all_columns(lambda c: f'"the.{c}"', lambda c: f"the.{c}"),
    ),
    Form(
        name="columns with a quote, as written",
        table="public.col_quote",
        columns=_all_columns(lambda c: f'"the""{c}"', lambda c: f'the"{c}'),
    ),
    Form(
        name="columns with percent and braces",
        table="public.col_percent",
        columns=_all_columns(lambda c: f'"{c} %s {{x}} $1"', lambda c: f"{c} %s {{x}} $1"),
    ),
    Form(
        name="reserved words",
        table="public.col_reserved",
        columns=_renamed(
            ("id", '"user"', "user"),
            ("made", '"time"', "time"),
            ("total", '"order"', "order"),
            ("kind", '"select"', "select"),
            ("code", '"table"', "table"),
            ("note", '"null"', "null"),
            ("peer", '"references"', "references"),
        ),
    ),
    Form(
        name="columns called like the aliases of statements",
        table="public.col_alias",
        columns=_renamed(
            ("id", "t", "t"),
            ("made", "c", "c"),
            ("total", "p", "p"),
            ("kind", "d", "d"),
            ("code", "n", "n"),
            ("note", "x", "x"),
            ("peer", "array_", "array_"),
        ),
    ),
    Form(
        name="a column called like the table",
        table="public.kind",
        sql="public.kind",
    ),
    Form(
        name="a column that is not there",
        table="public.col_gone",
        means="no column",
        columns=_renamed(*((c, c, f"{c}_gone") for c in COLUMNS)),
    ),
)
SPLIT = "create table {sql} ({columns}) partition by range (id); "
OLD = "create table {sql}_old partition of {sql} for values from (minvalue) to (21); "
NEW = "create table {sql}_new partition of {sql} for values from (21) to (maxvalue); "
RELATIONS = (
    Form(
        name="partitioned",
        table="public.split",
        make=SPLIT + OLD + NEW,
        parts=(("split_old", 1, 20), ("split_new", 21, BIG)),
    ),
    Form(
        name="partitioned, unquoted upper case, without schema",
        table="SPLIT_UP",
        sql="split_up",
        make=SPLIT + OLD + NEW,
        parts=(("split_up_old", 1, 20), ("split_up_new", 21, BIG)),
    ),
    Form(
        name="partitioned, a partition in another schema with other order of columns",
        table="public.moved",
        make=SPLIT
        + OLD
        + "create table two.moved_new (peer int, note text, code text, kind text, total numeric,"
        " made timestamptz, id int); alter table {sql} attach partition two.moved_new"
        " for values from (21) to (maxvalue)",
        parts=(("moved_old", 1, 20), ("two.moved_new", 21, BIG)),
    ),
    Form(
        name="partitioned, an empty partition is dropped and one renamed",
        table="public.rolled",
        make=SPLIT
        + "create table rolled_none partition of {sql} for values from (minvalue) to (-1);"
        " create table rolled_old partition of {sql} for values from (-1) to (21);" + NEW,
        parts=(("rolled", 1, BIG),),
        again="drop table rolled_none; alter table rolled_old rename to rolled_archive",
    ),
    Form(
        name="partitioned by hash, with a default beside",
        table="public.hashed",
        make="create table {sql} ({columns}) partition by hash (id);"
        " create table hashed_0 partition of {sql} for values with (modulus 2, remainder 0);"
        " create table hashed_1 partition of {sql} for values with (modulus 2, remainder 1)",
        parts=(("hashed", 1, BIG),),
    ),
    Form(
        name="sub-partitioned",
        table="public.deep",
        make=SPLIT
        + OLD
        + "create table deep_new partition of {sql} for values from (21) to (maxvalue)"
        " partition by range (id);"
        " create table deep_new_1 partition of deep_new for values from (21) to (31);"
        " create table deep_new_2 partition of deep_new for values from (31) to (maxvalue)",
        parts=(("deep_old", 1, 20), ("deep_new_1", 21, 30), ("deep_new_2", 31, BIG)),
    ),
    Form(
        name="an intermediate partition",
        table="public.middle_all",
        make="create table middle ({columns}) partition by list (peer);"
        " create table middle_none partition of middle default;"
        " create table {sql} partition of middle for values in (1, 2, 3, 4, 5, 999)"
        " partition by range (id);" + OLD + NEW,
        parts=(("middle_all_old", 1, 20), ("middle_all_new", 21, BIG)),
    ),
    Form(
        name="one partition",
        table="public.single_all",
        make="create table single ({columns}) partition by range (id);"
        " create table single_none partition of single default;"
        " create table {sql} partition of single for values from (0) to (maxvalue)",
    ),
    Form(
        name="one partition, its sister is broken",
        table="public.sister_all",
        make="create table sister ({columns}) partition by range (id);"
        " create table sister_bad partition of sister default;"
        " create table {sql} partition of sister for values from (0) to (maxvalue)",
        still=True,
        refresh="insert into sister (id, kind, peer) values (-1, 'z', 999)",
    ),
    Form(
        name="inheritance: parent without rows",
        table="public.chunked",
        make="create table {sql} ({columns}); create table chunk_1 () inherits ({sql});"
        " create table chunk_2 (more int) inherits ({sql})",
        parts=(("only chunk_1", 1, 20), ("only chunk_2", 21, BIG)),
    ),
    Form(
        name="inheritance: parent with rows",
        table="public.family",
        make="create table {sql} ({columns}); create table family_child () inherits ({sql})",
        parts=(("only family", 1, 20), ("only family_child", 21, BIG)),
    ),
    Form(
        name="inheritance: a child that is a parent",
        table="public.mother",
        make="create table grandmother ({columns}); create table {sql} () inherits (grandmother);"
        " create table daughter () inherits ({sql})",
        parts=(("only mother", 1, 20), ("only daughter", 21, BIG)),
    ),
    Form(
        name="inheritance: three generations, without schema",
        table="ancestor",
        make="create table {sql} ({columns}); create table ancestor_son () inherits ({sql});"
        " create table two.ancestor_grandson () inherits (ancestor_son)",
        parts=(
            ("only ancestor", 1, 10),
            ("only ancestor_son", 11, 20),
            ("only two.ancestor_grandson", 21, BIG),
        ),
    ),
    Form(
        name="inheritance: a child",
        table="public.leaf",
        make="create table leaf_parent ({columns}); create table {sql} () inherits (leaf_parent)",
    ),
    Form(
        name="inheritance: a child whose parent is broken",
        table="public.innocent",
        make="create table guilty ({columns}); create table {sql} () inherits (guilty)",
        still=True,
        refresh="insert into guilty (id, kind, peer) values (-1, 'z', 999)",
    ),
    Form(
        name="inheritance: of two parents",
        table="public.heirs",
        make="create table {sql} ({columns}); create table uncle ({columns});"
        " create table heir () inherits ({sql}, uncle)",
        parts=(("only heirs", 1, 20), ("only heir", 21, BIG)),
    ),
    Form(
        name="inheritance: one child by two ways",
        table="public.diamond",
        make="create table {sql} ({columns}); create table diamond_l () inherits ({sql});"
        " create table diamond_r () inherits ({sql});"
        " create table diamond_low () inherits (diamond_l, diamond_r)",
        parts=(("only diamond_l", 1, 20), ("only diamond_low", 21, BIG)),
    ),
    Form(
        name="inheritance: of another owner's schema, children called alike",
        table="one.chunks",
        make="create table {sql} ({columns}); create table two.chunks () inherits ({sql})",
        parts=(("only one.chunks", 1, 20), ("only two.chunks", 21, BIG)),
    ),
    Form(
        name="view",
        table="public.seen",
        make="create table seen_below ({columns}); create view {sql} as select * from seen_below",
        parts=(("seen_below", 1, BIG),),
        means="view",
    ),
    Form(
        name="view without schema, quoted",
        table='"Seen"',
        make="create table seen_under ({columns}); create view {sql} as select * from seen_under",
        parts=(("seen_under", 1, BIG),),
        means="view",
    ),
    Form(
        name="materialized view",
        table="public.kept",
        make="create table kept_below ({columns});"
        " create materialized view {sql} as select * from kept_below",
        parts=(("kept_below", 1, BIG),),
        refresh="refresh materialized view kept",
    ),
    Form(
        name="materialized view, not filled",
        table="public.unfilled",
        make="create materialized view {sql} as select * from plain with no data",
        parts=(("plain", 0, 0),),
        means="unfilled",
    ),
    Form(
        name="foreign table",
        table="public.abroad",
        make="create foreign table {sql} ({columns}) server nowhere",
        parts=(("plain", 0, 0),),
        means="foreign",
    ),
    Form(
        name="partitioned, one partition foreign",
        table="public.partly_abroad",
        make=SPLIT + OLD + "create foreign table partly_abroad_far partition of {sql}"
        " for values from (21) to (maxvalue) server nowhere",
        parts=(("plain", 0, 0),),
        means="foreign",
    ),
    Form(
        name="inheritance: a foreign child",
        table="public.parent_abroad",
        make="create table {sql} ({columns});"
        " create foreign table child_abroad () inherits ({sql}) server nowhere",
        parts=(("only parent_abroad", 0, 0),),
        means="foreign",
    ),
    Form(name="unlogged", table="public.unlogged", make="create unlogged table {sql} ({columns})"),
    Form(
        name="belongs to an extension",
        table="public.extended",
        make="create table {sql} ({columns}); alter extension hstore add table {sql}",
    ),
    Form(
        name="row security",
        table="public.guarded",
        make="create table {sql} ({columns}); alter table {sql} enable row level security;"
        " alter table {sql} force row level security",
    ),
    Form(
        name="of a composite type",
        table="public.typed",
        make="create type typed_row as ({columns}); create table {sql} of typed_row",
    ),
    Form(
        name="with a dropped and a generated column",
        table="public.worn",
        make="create table {sql} (gone int, {columns}, twice int generated always as (id * 2) stored);"
        " alter table {sql} drop column gone",
    ),
    Form(
        name="references to a partitioned table",
        table="public.to_split",
        to="peers_split",
        make="create table peers_split (id int) partition by list (id);"
        " create table peers_split_1 partition of peers_split default;"
        " insert into peers_split select generate_series(1, 5); create table {sql} ({columns})",
    ),
    Form(
        name="references to a parent",
        table="public.to_parent",
        to="public.peers_parent",
        make="create table peers_parent (id int); create table peers_child () inherits (peers_parent);"
        " insert into peers_child select generate_series(1, 5); create table {sql} ({columns})",
    ),
    Form(
        name="references to a view",
        table="public.to_view",
        to="public.peers_view",
        make="create view peers_view as select * from peers; create table {sql} ({columns})",
    ),
    Form(
        name="references to a quoted name with a dot",
        table="public.to_dot",
        to='"peers.dot"',
        make='create table "peers.dot" (id int); insert into "peers.dot" select generate_series(1, 5);'
        " create table {sql} ({columns})",
    ),
    Form(
        name="references to an unquoted upper-case name",
        table="public.to_upper",
        to="PUBLIC.PEERS",
    ),
    Form(
        name="empty", table="public.empty_one", parts=(("public.empty_one", 0, 0),), means="empty"
    ),
    Form(
        name="partitioned without a partition",
        table="public.no_parts",
        make="create table {sql} ({columns}) partition by range (id)",
        parts=(("plain", 0, 0),),
        means="empty",
    ),
    Form(
        name="not there", table="public.nobody", make="", parts=(("plain", 0, 0),), means="absent"
    ),
    Form(
        name="not there, quoted upper case of a lower-case one",
        table='"PLAIN"',
        make="",
        parts=(("plain", 0, 0),),
        means="absent",
    ),
    Form(
        name="no such schema",
        table="nowhere.plain",
        make="",
        parts=(("plain", 0, 0),),
        means="absent",
    ),
    Form(
        name="not in the search path",
        table="hidden_one",
        sql="one.hidden_one",
        parts=(("one.hidden_one", 0, 0),),
        means="absent",
    ),
    Form(
        name="a sequence",
        table="public.counter",
        make="create sequence counter",
        parts=(("plain", 0, 0),),
        means="no table",
    ),
    Form(
        name="an index",
        table="public.plain_index",
        make="create index plain_index on plain (id)",
        parts=(("plain", 0, 0),),
        means="no table",
    ),
    Form(
        name="a composite type",
        table="public.pair_type",
        make="create type pair_type as ({columns})",
        parts=(("plain", 0, 0),),
        means="no table",
    ),
    Form(
        name="an enum",
        table="public.enum_type",
        make="create type enum_type as enum ('a')",
        parts=(("plain", 0, 0),),
        means="no table",
    ),
)
PREPARED = """
create extension hstore; create extension postgres_fdw;
create schema a; create schema "a.b"; create schema p; create schema "p.q"; create schema x;
create schema v; create schema app; create schema "App"; create schema one; create schema two;
create server nowhere foreign data wrapper postgres_fdw options (host '/nowhere', port '1');
create user mapping for public server nowhere;
create table public.peers (id int); insert into public.peers select generate_series(1, 5);
"""

PATH = (
    Form(name="path: app comes before public", table="orders", sql="app.orders"),
    Form(name="path: in public only", table="only_public", sql="public.only_public"),
    Form(name="path: in both, the first one counts", table="doubled", sql="app.doubled"),
    Form(name="path: in both, that of public", table="public.doubled", still=True),
    Form(
        name="path: in both, the broken one is hidden", table="hidden", sql="app.hidden", still=True
    ),
    Form(name="path: the hidden one", table="public.hidden"),
    Form(name="path: $user", table="mine", sql="postgres.mine"),
    Form(name="path: $user hides app", table="covered", sql="postgres.covered"),
    Form(name="path: what $user hides", table="app.covered", still=True),
    Form(name="path: a quoted schema", table="odd", sql='"Odd, Path".odd'),
    Form(name="path: quoted upper case", table='"Upper"', sql='app."Upper"'),
    Form(name="path: unquoted upper case", table="LOWERED", sql="app.lowered"),
    Form(name="path: mixed case, as written", table="MixedCase", sql='app."MixedCase"'),
    Form(name="path: with the schema all the same", table="app.explicit"),
    Form(
        name="path: partitioned",
        table="split",
        sql="app.split",
        make=SPLIT + OLD + NEW,
        parts=(("app.split_old", 1, 20), ("app.split_new", 21, BIG)),
    ),
    Form(
        name="path: one partition",
        table="single_all",
        sql="app.single_all",
        make="create table app.single ({columns}) partition by range (id);"
        " create table {sql} partition of app.single for values from (0) to (maxvalue)",
    ),
    Form(
        name="path: parent",
        table="chunked",
        sql="app.chunked",
        make="create table {sql} ({columns}); create table app.chunk_1 () inherits ({sql})",
        parts=(("only app.chunked", 1, 20), ("only app.chunk_1", 21, BIG)),
    ),
    Form(
        name="path: view",
        table="seen",
        sql="app.seen",
        make="create table app.seen_below ({columns}); create view {sql} as select * from app.seen_below",
        parts=(("app.seen_below", 1, BIG),),
        means="view",
    ),
    Form(
        name="path: materialized view",
        table="kept",
        sql="app.kept",
        make="create table app.kept_below ({columns});"
        " create materialized view {sql} as select * from app.kept_below",
        parts=(("app.kept_below", 1, BIG),),
        refresh="refresh materialized view app.kept",
    ),
    Form(
        name="path: references by it",
        table="referring",
        sql="app.referring",
        to="path_peers",
        make="create table app.path_peers (id int); create table public.path_peers (id int);"
        " insert into app.path_peers select generate_series(1, 5);"
        " insert into public.path_peers values (999); create table {sql} ({columns})",
    ),
    Form(
        name="path: not in it",
        table="outside",
        sql="two.outside",
        parts=(("two.outside", 0, 0),),
        means="absent",
    ),
)
PATH_PREPARED = """
create schema app; create schema postgres; create schema "Odd, Path"; create schema two;
create table public.peers (id int); insert into public.peers select generate_series(1, 5);
do $$ begin execute format(
  'alter database %I set search_path = "$user", app, "Odd, Path", public', current_database()); end $$;
"""
WORLDS = {
    "names": (PREPARED, (*SPELLINGS, *COLUMN_SPELLINGS, *RELATIONS)),
    "path": (PATH_PREPARED, PATH),
}
