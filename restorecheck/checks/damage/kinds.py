"""Kinds of damage, and the statements that inject them into a restored copy. Pure: SQL out.

A kind is tried on the most suitable table: of those that it applies to and that are read within a second, the
one with the most rows. If the database refuses it (a CHECK, a type), a backup cannot have this damage, and the
next table is tried.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from restorecheck.checks.dialects.postgresql import MOMENTS, equal
from restorecheck.checks.profiles import ColumnProfile, ReferenceProfile, TableProfile
from restorecheck.checks.structure import NOT_IN_A_DUMP
from restorecheck.checks.tables import ForeignKey, Table, literal, quoted
from restorecheck.spelling import number_of

LARGEST = 64_000_000
"""Bytes of a preferred table: a damaged table is read again for every kind, which takes most of the time."""
CANDIDATES = 6
"""Candidates tried for one kind; then the kind counts as not tried."""
NUMBERS = frozenset({"int4", "int8", "numeric", "float4", "float8"})
TEXTS = frozenset({"text", "varchar", "citext"})
A_DAY = 86_400
OFTEN = 10
"""Fewest rows for each value of an enumeration."""
TELLING = ("creat", "insert", "added", "submit", "time", "_at", "updat", "modif", "logged", "seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageKind:
    name: str
    needs_contents: bool = False
    """Only a comparison of contents or definitions detects it."""
    physical: bool = False
    """Done to files, on a copy of the stopped server."""
    not_in_a_dump: str = ""
    """Why a dump of one database cannot have it; empty: it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to inject a kind of damage."""

    what: str
    sql: tuple[str, ...]
    touches: tuple[str, ...] = ()
    """Damaged tables, besides those that the database reports as changed."""
    counted: bool = True
    """Whether the last statement must change rows; else it damaged nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A table that can be damaged: a plain one, or one partition."""

    table: Table
    rows: int
    profile: TableProfile
    """Profile of the table, or of its partitioned table."""
    referenced: bool
    until: float = math.inf
    """Time of the backup, seconds since 1970: only planned times are later."""

    @property
    def quoted(self) -> str:
        return self.table.quoted

    @property
    def name(self) -> str:
        return self.table.full_name

    @property
    def key_columns(self) -> frozenset[str]:
        return frozenset(name for key in self.profile.keys for name in key)

    @property
    def free_columns(self) -> tuple[ColumnProfile, ...]:
        """Columns outside of keys."""
        return tuple(c for c in self.profile.columns if c.name not in self.key_columns)

    def moment(self) -> ColumnProfile | None:
        """The best column for the time of a row's creation."""
        known = [c for c in self.profile.columns if c.type in MOMENTS and c.present]
        past = [c for c in known if (c.high or 0) <= self.until + A_DAY]
        return min(past, key=_promise, default=None)

    def ordering(self) -> ColumnProfile | None:
        """The column that orders rows from old to new."""
        whole = [
            c
            for c in self.profile.columns
            if c.type in {"int4", "int8"} and (c.name,) in self.profile.keys
        ]
        return self.moment() or (whole[0] if whole else None)


def _promise(column: ColumnProfile) -> tuple[int, str]:
    name = column.name.lower()
    return next((n for n, word in enumerate(TELLING) if word in name), len(TELLING)), name


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that can be damaged."""

    victims: Sequence[Victim]
    """The most suitable first."""
    foreign_keys: Sequence[ForeignKey]
    references: Sequence[ReferenceProfile]

    def victim(self, quoted_name: str) -> Victim | None:
        return next((v for v in self.victims if v.quoted == quoted_name), None)


def by_worth(victims: Sequence[Victim]) -> tuple[Victim, ...]:
    """Tables that are read within a second, those with the most rows first; then the larger ones."""
    filled = [v for v in victims if v.rows and not v.table.view]
    small = [v for v in filled if v.table.bytes <= LARGEST]
    large = [v for v in filled if v.table.bytes > LARGEST]
    return (
        *sorted(small, key=lambda v: (-v.rows, v.name)),
        *sorted(large, key=lambda v: (v.table.bytes, v.name)),
    )


Maker = Callable[[Scene], Iterator[Candidate]]


def _each(of: Callable[[Victim], Iterator[Candidate]]) -> Maker:
    def make(scene: Scene) -> Iterator[Candidate]:
        for victim in scene.victims:
            yield from of(victim)

    return make


# --- rows ---------------------------------------------------------------------------------------


def _one_in(number: int) -> str:
    """A condition for one row of so many, the same at every try."""
    return f"abs(hashtext(ctid::text)::bigint) % {number} = 0"


def _lost(condition: str) -> Callable[[Victim], Iterator[Candidate]]:
    def of(victim: Victim) -> Iterator[Candidate]:
        sql = f"delete from only {victim.quoted} where {condition}"  # noqa: S608  # quoted names, here and below
        yield Candidate(what=victim.name, sql=(sql,))

    return of


def _last_day(victim: Victim) -> Iterator[Candidate]:
    column = victim.moment()
    if column is not None:
        name = quoted(column.name)
        sql = f"delete from only {victim.quoted} where {name} > (select max({name}) from {victim.quoted} where isfinite({name})) - interval '1 day'"  # noqa: S608
        yield Candidate(what=f"{victim.name}, by {column.name}", sql=(sql,))


def _end(order: str) -> Callable[[Victim], Iterator[Candidate]]:
    def of(victim: Victim) -> Iterator[Candidate]:
        column = victim.ordering()
        if column is not None:
            some = f"select ctid from only {victim.quoted} order by {quoted(column.name)} {order} limit {max(1, victim.rows // 10)}"  # noqa: S608
            sql = f"delete from only {victim.quoted} where ctid = any(array({some}))"  # noqa: S608
            yield Candidate(what=f"{victim.name}, by {column.name}", sql=(sql,))

    return of


def _one_row(scene: Scene) -> Iterator[Candidate]:
    """Deletes one row without references to it, so that no orphan results."""
    for victim in sorted(scene.victims, key=lambda v: v.referenced):
        some = f"select ctid from only {victim.quoted} offset {victim.rows // 2} limit 1"  # noqa: S608
        sql = f"delete from only {victim.quoted} where ctid = any(array({some}))"  # noqa: S608
        yield Candidate(what=victim.name, sql=(sql,))


def _truncated(victim: Victim) -> Iterator[Candidate]:
    if not victim.referenced:
        sql = f"truncate only {victim.quoted}"
        yield Candidate(what=victim.name, sql=(sql,), touches=(victim.name,), counted=False)


def _dropped(victim: Victim) -> Iterator[Candidate]:
    if not victim.table.root:
        sql = f"drop table {victim.quoted} cascade"
        yield Candidate(what=victim.name, sql=(sql,), touches=(victim.name,), counted=False)


WITHOUT_KEYS = """do $do$ declare x record; begin
  for x in select conname from pg_constraint where conrelid = {table}::regclass and contype in ('p', 'u') and conparentid = 0 loop
    execute format('alter table %s drop constraint %I cascade', {table}::regclass, x.conname); end loop;
  for x in select indexrelid::regclass as name from pg_index where indrelid = {table}::regclass and indisunique loop
    execute format('drop index %s', x.name); end loop;
end $do$"""
AGAIN = """do $do$ declare listed text; begin
  select string_agg(quote_ident(attname), ', ') into listed from pg_attribute
    where attrelid = {table}::regclass and attnum > 0 and not attisdropped and attgenerated = '';
  execute format('insert into %1$s (%2$s) overriding system value select %2$s from %1$s where {condition}', {table}::regclass, listed);
end $do$"""


def _doubled(victim: Victim) -> Iterator[Candidate]:
    """Drops the keys and doubles the rows."""
    if victim.profile.keys and not victim.table.root:
        name = literal(victim.quoted)
        sql = (
            WITHOUT_KEYS.replace("{table}", name),
            AGAIN.replace("{table}", name).replace("{condition}", _one_in(10).replace("%", "%%")),
        )
        yield Candidate(what=victim.name, sql=sql, touches=(victim.name,), counted=False)


ALL_INDEXES = "update pg_index set indisready = {value} where indrelid = {table}::regclass"
"""An index that is not ready is not updated, as after a disk failure."""


def _twin(victim: Victim) -> Iterator[Candidate]:
    if victim.profile.keys and not victim.table.root:
        name = literal(victim.quoted)
        one = f"ctid = (select min(ctid) from {victim.quoted})".replace("'", "''")  # noqa: S608
        sql = (
            ALL_INDEXES.format(value="false", table=name),
            AGAIN.replace("{table}", name).replace("{condition}", one),
            ALL_INDEXES.format(value="true", table=name),
        )
        yield Candidate(what=victim.name, sql=sql, touches=(victim.name,), counted=False)


def _orphans(scene: Scene, *, drop: bool) -> Iterator[Candidate]:
    for key in scene.foreign_keys:
        child, parent = scene.victim(key.table), scene.victim(key.target)
        if child is None or parent is None:
            continue
        drops = f"alter table {key.table} drop constraint {quoted(key.name)}"
        sql = _without_parents(key)
        yield Candidate(
            what=f"{child.name} to {parent.name}",
            sql=(drops, sql) if drop else (sql,),
            touches=(child.name, parent.name),
        )


def _without_parents(key: ForeignKey) -> str:
    same = " and ".join(equal(pair, "p", "c") for pair in key.pairs)
    some = f"select p.ctid from {key.target} p where exists (select from {key.table} c where {same}) limit 10"  # noqa: S608
    return f"delete from only {key.target} where ctid = any(array({some}))"  # noqa: S608


def _undeclared(scene: Scene) -> Iterator[Candidate]:
    for reference in scene.references:
        key = reference.key
        names = (reference.table.full_name, reference.to.full_name)
        if scene.victim(key.target) is not None:
            yield Candidate(what=" to ".join(names), sql=(_without_parents(key),), touches=names)


# --- columns ------------------------------------------------------------------------------------


def _updated(
    fits: Callable[[Victim, ColumnProfile], bool], assignment: str, condition: str = "true"
) -> Callable[[Victim], Iterator[Candidate]]:
    """`{c}` is the column."""

    def of(victim: Victim) -> Iterator[Candidate]:
        for column in victim.free_columns:
            if column.present and fits(victim, column):
                name = quoted(column.name)
                text = f"update only {victim.quoted} set {name} = {assignment} where {condition}"  # noqa: S608
                yield Candidate(
                    what=f"{victim.name}.{column.name}", sql=(text.replace("{c}", name),)
                )

    return of


def _is_number(_victim: Victim, column: ColumnProfile) -> bool:
    return column.type in NUMBERS and not _points(column.name) and column.low != column.high


def _points(name: str) -> bool:
    return name.lower().endswith("id")


def _is_free_text(_victim: Victim, column: ColumnProfile) -> bool:
    return column.type in TEXTS


def _is_enumeration(victim: Victim, column: ColumnProfile) -> bool:
    """Whether the column is an enumeration; references have their own kind of damage."""
    if column.name in victim.profile.pointing:
        return False
    return column.type in TEXTS and 1 < len(column.values) <= column.present / OFTEN


def _is_filled(victim: Victim, column: ColumnProfile) -> bool:
    return not column.not_null and column.present >= 0.9 * victim.profile.rows


def _is_moment(_victim: Victim, column: ColumnProfile) -> bool:
    return column.type in MOMENTS


def _required_nulled(victim: Victim) -> Iterator[Candidate]:
    for column in victim.free_columns:
        if column.not_null:
            name = quoted(column.name)
            sql = (
                f"alter table {victim.quoted} alter {name} drop not null",
                f"update only {victim.quoted} set {name} = null where {_one_in(10)}",  # noqa: S608
            )
            what = f"{victim.name}.{column.name}"
            yield Candidate(what=what, sql=sql, touches=(victim.name,))


NOT_NULL_IS = "update pg_attribute set attnotnull = {value} where attrelid = {table}::regclass and attname = {column}"


def _not_null_broken(victim: Victim) -> Iterator[Candidate]:
    for column in victim.free_columns:
        if column.not_null:
            names = {"table": literal(victim.quoted), "column": literal(column.name)}
            sql = (
                NOT_NULL_IS.format(value="false", **names),
                (
                    f"update only {victim.quoted} set {quoted(column.name)} = null"  # noqa: S608
                    f" where ctid = (select min(ctid) from only {victim.quoted})"
                ),
                NOT_NULL_IS.format(value="true", **names),
            )
            what = f"{victim.name}.{column.name}"
            yield Candidate(what=what, sql=sql, touches=(victim.name,))


def _check_broken(victim: Victim) -> Iterator[Candidate]:
    for constraint in victim.table.constraints:
        for column in victim.free_columns:
            if column.type not in NUMBERS or column.name not in constraint.expression:
                continue
            name, check = quoted(column.name), quoted(constraint.name)
            for value in (-30_000, 2_000_000_000):
                one = f"ctid = (select min(ctid) from only {victim.quoted})"  # noqa: S608
                sql = (
                    f"alter table {victim.quoted} drop constraint {check}",
                    f"update only {victim.quoted} t set {name} = {value} where {one}",  # noqa: S608
                    f"alter table {victim.quoted} add constraint {check} check ({constraint.expression}) not valid",
                    (
                        "update pg_constraint set convalidated = true"  # noqa: S608
                        f" where conrelid = {literal(victim.quoted)}::regclass and conname = {literal(constraint.name)}"
                        f" and exists (select from {victim.quoted} t where not ({constraint.expression}))"
                    ),
                )
                what = f"{victim.name}, {constraint.name}"
                yield Candidate(what=what, sql=sql, touches=(victim.name,))


def _swapped_columns(victim: Victim) -> Iterator[Candidate]:
    """Columns of one type, which only their meaning distinguishes. Times first, then numbers."""
    order = {**dict.fromkeys(MOMENTS, 0), **dict.fromkeys(NUMBERS, 1)}
    alike = [
        (a, b)
        for a, b in combinations(victim.free_columns, 2)
        if a.type == b.type and a.present and b.present and a.type != "bool"
    ]
    for a, b in sorted(alike, key=lambda pair: order.get(pair[0].type, 2)):
        first, second = quoted(a.name), quoted(b.name)
        sql = f"update only {victim.quoted} set {first} = {second}, {second} = {first} where {first} <> {second}"  # noqa: S608
        yield Candidate(what=f"{victim.name}: {a.name} and {b.name}", sql=(sql,))


def _swapped_rows(victim: Victim) -> Iterator[Candidate]:
    for column in victim.free_columns:
        if column.type in {"json", "jsonb", "xml", "point"} or _points(column.name):
            continue
        name = quoted(column.name)
        two = (
            f"with a as (select ctid as place, {name} as value from only {victim.quoted} where {name} is not null limit 1),"  # noqa: S608
            f" b as (select t.ctid as place, t.{name} as value from only {victim.quoted} t, a where t.{name} <> a.value limit 1)"
        )
        sql = (
            f"{two} update only {victim.quoted} t set {name} = case when t.ctid = a.place then b.value else a.value end"  # noqa: S608
            " from a, b where t.ctid in (a.place, b.place)"
        )
        yield Candidate(what=f"{victim.name}.{column.name}", sql=(sql,))


# --- the database as a whole --------------------------------------------------------------------


def _stale(scene: Scene) -> Iterator[Candidate]:
    """The state three days before the newest row: later rows are missing, and rows that refer to them."""
    dated = [(v, v.moment()) for v in scene.victims]
    newest = [c.high for _, c in dated if c is not None and c.high is not None]
    if not newest:
        return
    limit = f"to_timestamp({max(newest)!r}) - interval '3 days'"
    sql = []
    for victim, column in dated:
        if column is not None:
            name = quoted(column.name)
            sql.append(f"delete from only {victim.quoted} where {name} > {limit}")  # noqa: S608
    declared = [(k.table, k.columns, k.target, k.target_columns) for k in scene.foreign_keys]
    found = [(r.table.quoted, r.columns, r.to.quoted, r.to_columns) for r in scene.references]
    loose = {
        (
            table,
            target,
            columns,
        ): f"delete from {table} c where {' and '.join(f'c.{quoted(x)} is not null' for x in columns)}"  # noqa: S608
        f" and not exists (select from {target} p where "
        + " and ".join(
            f"p.{quoted(there)} = c.{quoted(here)}"
            for here, there in zip(columns, keys, strict=True)
        )
        + ")"
        for table, columns, target, keys in (*declared, *found)
    }
    # Twice: a row may refer to a row that refers to a deleted one.
    ends = {v.quoted for v in scene.victims} - {table for table, *_ in loose}
    again = [text for (_, target, _), text in loose.items() if target not in ends]
    names = [v.name for v, c in dated if c is not None]
    what = f"{number_of(len(names), 'table')} with times"
    yield Candidate(what=what, sql=(*sql, *loose.values(), *again), counted=False)


def _staging(scene: Scene) -> Iterator[Candidate]:
    """The same tables with a hundredth of the rows."""
    if not scene.victims:
        return
    keep, back = [], []
    for number, victim in enumerate(scene.victims):
        aside = f"pg_temp.kept_{number}"
        keep.append(
            f"create temp table kept_{number} as select * from only {victim.quoted} where {_one_in(100)}"  # noqa: S608
        )
        back.append(
            AGAIN.replace("{table}", literal(victim.quoted))
            .replace("from %1$s where {condition}", f"from {aside}")
        )  # fmt: skip
    names = tuple(v.name for v in scene.victims)
    sql = (*keep, _emptied_all(scene), *back)
    yield Candidate(what=number_of(len(names), "table"), sql=sql, touches=names, counted=False)


def _emptied_all(scene: Scene) -> str:
    return f"truncate {', '.join(v.quoted for v in scene.victims)} cascade"


def _empty(scene: Scene) -> Iterator[Candidate]:
    if scene.victims:
        names = tuple(v.name for v in scene.victims)
        yield Candidate(
            what=number_of(len(names), "table"),
            sql=(_emptied_all(scene),),
            touches=names,
            counted=False,
        )


def _of_sql(scene: Scene) -> Iterator[Candidate]:  # noqa: ARG001  # found in the catalog
    """Uses the statements of `damage.sql`."""
    return iter(())


_ROWS: tuple[tuple[DamageKind, Maker], ...] = (
    (DamageKind(name="the last day is missing"), _each(_last_day)),
    (DamageKind(name="the newest tenth of a table is missing"), _each(_end("desc"))),
    (DamageKind(name="the oldest tenth of a table is missing"), _each(_end("asc"))),
    (DamageKind(name="a tenth of a table is missing"), _each(_lost(_one_in(10)))),
    (DamageKind(name="a third of a table is missing"), _each(_lost(_one_in(3)))),
    (DamageKind(name="one row lost", needs_contents=True), _one_row),
    (DamageKind(name="a table without its rows"), _each(_lost("true"))),
    (DamageKind(name="a truncated table"), _each(_truncated)),
    (DamageKind(name="a table is gone"), _each(_dropped)),
    (DamageKind(name="duplicate rows, no key"), _each(_doubled)),
    (DamageKind(name="a duplicate key, once in the index"), _each(_twin)),
    (DamageKind(name="orphaned rows"), lambda scene: _orphans(scene, drop=False)),
    (
        DamageKind(name="orphaned rows, their constraint missing"),
        lambda scene: _orphans(scene, drop=True),
    ),
    (DamageKind(name="orphaned rows, no constraint declared"), _undeclared),
    (DamageKind(name="a column without its values"), _each(_updated(_is_filled, "null"))),
    (DamageKind(name="a required column without its values"), _each(_required_nulled)),
    (DamageKind(name="a NOT NULL is broken"), _each(_not_null_broken)),
    (DamageKind(name="a CHECK is broken"), _each(_check_broken)),
    (DamageKind(name="two columns are swapped"), _each(_swapped_columns)),
    (DamageKind(name="two rows have swapped a value", needs_contents=True), _each(_swapped_rows)),
    (
        DamageKind(name="every time is a month earlier"),
        _each(_updated(_is_moment, "{c} - interval '30 days'")),
    ),
    (
        DamageKind(name="every time is two hours earlier", needs_contents=True),
        _each(_updated(_is_moment, "{c} - interval '2 hours'")),
    ),
    (DamageKind(name="numbers a thousand times too large"), _each(_updated(_is_number, "{c} * 1000", "{c} <> 0"))),
    (DamageKind(name="numbers with the wrong sign"), _each(_updated(_is_number, "-{c}", "{c} <> 0"))),
    (
        DamageKind(name="an unknown value in an enumeration"),
        _each(_updated(_is_enumeration, "'?'", _one_in(100))),
    ),
    (DamageKind(name="texts are empty"), _each(_updated(_is_free_text, "''"))),
    (
        DamageKind(name="texts in another encoding", needs_contents=True),
        _each(
            _updated(
                _is_free_text,
                "convert_from(convert_to({c}, 'UTF8'), 'LATIN1')",
                "{c} ~ '[^[:ascii:]]'",
            )
        ),
    ),
)  # fmt: skip
_OBJECTS: tuple[DamageKind, ...] = (
    DamageKind(name="an index is gone"),
    # getIndexes in pg_dump.c: "i.indisvalid OR t2.relkind = 'p'".
    DamageKind(name="an invalid index", not_in_a_dump="pg_dump leaves invalid indexes out"),
    DamageKind(name="a constraint is gone"),
    DamageKind(name="a column is gone"),
    DamageKind(name="a column of another type"),
    DamageKind(name="a column without its default"),
    DamageKind(name="a sequence behind its column"),
    DamageKind(name="a function is gone"),
    DamageKind(name="a function with another body", needs_contents=True),
    DamageKind(name="a disabled trigger"),
    DamageKind(name="a view is gone"),
    DamageKind(name="a materialized view that is not filled"),
    DamageKind(name="privileges are gone"),
    DamageKind(name="row security is off"),
    DamageKind(name="a policy is gone"),
    DamageKind(name="an extension is gone"),
    DamageKind(name="a role is gone"),
    DamageKind(
        name="a role membership is gone",
        not_in_a_dump=f"roles are in no dump of one database: {NOT_IN_A_DUMP['role']}",
    ),
    DamageKind(name="a large object is gone"),
    DamageKind(
        name="collation of another version",
        not_in_a_dump="what a dump restores has the collations of the server that it is restored on",
    ),
)
_WHOLE: tuple[tuple[DamageKind, Maker], ...] = (
    (DamageKind(name="a snapshot of three days ago"), _stale),
    (DamageKind(name="another database under the right name"), _staging),
    (DamageKind(name="an empty database of the same structure"), _empty),
)
LOGICAL: Mapping[DamageKind, Maker] = {
    **dict(_ROWS),
    **dict.fromkeys(_OBJECTS, _of_sql),
    **dict(_WHOLE),
}
"""All kinds, in the order of trial."""

HEAP, TOAST, BTREE = "heap", "TOAST", "B-tree"
FLIPPED = "a flipped bit"
"""Without page checksums the result looks like a normal value."""
PHYSICAL: tuple[DamageKind, ...] = tuple(
    DamageKind(name=f"{of}: {how}", physical=True, needs_contents=how == FLIPPED and of != BTREE)
    for of, ways in {
        HEAP: (
            FLIPPED,
            "a page header is garbage",
            "a zeroed page in the middle",
            "a zeroed last page",
            "a page overwritten by another",
            "a file without its last quarter",
            "an empty file",
            "no file",
        ),
        TOAST: (FLIPPED, "a zeroed page in the middle", "a file without its last quarter"),
        BTREE: (
            FLIPPED,
            "a zeroed page in the middle",
            "a page header is garbage",
            "a file without its last quarter",
            "no file",
        ),
    }.items()
    for how in ways
)
"""Kinds of damage to files, named after the colon."""
