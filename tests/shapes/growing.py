"""Thirty nights of ordinary growth for a database that nobody has described: of any dump at hand.

Each day rows come into the tables that grow: copies of others with keys of their own, moved to the
day; some are changed, some go away; on one day the oldest of the largest table with times are purged.
How much comes on which day of the week is what the database's own last weeks say.
"""

import random
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

UNMOVED = re.compile(r"birth|dob|born|founded|built|publish|releas|established|death")
"""Names of times of the world outside, which the present does not move on."""
LATER = re.compile(r"updat|modif|chang|edit|last|seen|login")
PROGRAM = re.compile(
    r"status|state|stage|phase|type|kind|mode|level|priority|severity|visibility|direction"
)
"""Names of texts that no person types: a new one comes with a release."""
WHOLE = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
NUMBERS = frozenset({*WHOLE, "numeric", "float4", "float8"})
TEXTS = frozenset({"text", "varchar", "bpchar", "citext"})
MOMENTS = frozenset({"timestamptz", "timestamp", "date"})
LOOKUP = 120
"""Rows up to which a table that nobody dates is one of a handful of things, with a new one a month."""
WEEKS = 8
MOST = 25
"""Rows a day: what matters are the kinds of change, and not how many."""
ATTEMPTS = 8
"""At a row with keys that are not taken."""
DEEPEST = 4
"""How far a purge follows what points to what goes."""
DEFAULT = object()
"""The database makes the value itself."""

CATALOG = """
select c.oid, n.nspname, c.relname, (select jsonb_agg(jsonb_build_object(
    'name', a.attname, 'type', coalesce(b.typname, t.typname), 'spelled', format_type(a.atttypid, a.atttypmod),
    'made', a.attgenerated <> '' or a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ 'nextval',
    'generated', a.attgenerated <> '') order by a.attnum)
  from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  (select jsonb_agg((select jsonb_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum = any(i.indkey)))
   from pg_index i where i.indrelid = c.oid and i.indisunique and i.indexprs is null),
  (select jsonb_agg(jsonb_build_object('to', k.confrelid,
     'columns', (select jsonb_agg(a.attname order by u.n) from unnest(k.conkey) with ordinality u(x, n) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.x),
     'keys', (select jsonb_agg(a.attname order by u.n) from unnest(k.confkey) with ordinality u(x, n) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.x)))
   from pg_constraint k where k.conrelid = c.oid and k.contype = 'f')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 2, 3
"""


@dataclass(frozen=True)
class Link:
    """A reference, declared or not."""

    columns: tuple[str, ...]
    to: int
    keys: tuple[str, ...]


@dataclass
class Growing:
    """One table, and how it grows."""

    oid: int
    schema: str
    name: str
    columns: list[dict[str, Any]]
    keys: list[list[str]]
    links: list[Link]
    rows: int = 0
    moment: str = ""
    """The time that moves with the present."""
    times: list[str] = field(default_factory=list)
    """All that are moved with it."""
    rhythm: tuple[float, ...] = (0.0,) * 7
    """Rows a day, Monday first."""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def there(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def type(self, column: str) -> str:
        return next(str(c["type"]) for c in self.columns if c["name"] == column)

    @property
    def pointing(self) -> set[str]:
        return {name for link in self.links for name in link.columns}

    @property
    def free(self) -> list[str]:
        taken = self.pointing | {name for key in self.keys for name in key}
        return [c["name"] for c in self.columns if c["name"] not in taken and not c["generated"]]


class Grower:
    """Lets one database grow, day by day; nobody's triggers are asked."""

    def __init__(self, connection: psycopg.Connection, links: Sequence[Any] = ()) -> None:
        """`links`: references that no constraint declares, as profiles have them: an application keeps them too."""
        self._connection = connection
        self._chance = random.Random(20260226)
        self._forget()
        connection.execute("set session_replication_role = replica")
        connection.execute("set statement_timeout = '60s'")
        self.tables = {t.oid: t for t in self._found()}
        names = {t.full_name: t for t in self.tables.values()}
        for link in links:
            child, parent = names[link.table.full_name], names[link.to.full_name]
            child.links.append(Link(link.columns, parent.oid, link.to_columns))
        self.pointed = {link.to for t in self.tables.values() for link in t.links}

    def live_until(self, moment: datetime) -> None:
        """Moves all times so that the newest is of the day before: a snapshot of long ago as if it lived."""
        newest = max(
            (self._newest(t, t.moment) for t in self.tables.values() if t.moment), default=0.0
        )
        by = timedelta(days=int((moment.timestamp() - newest) // 86_400))
        for table in self.tables.values():
            if not table.times:
                continue
            parts = [
                sql.SQL("{c} = case when {c} < '2100-01-01' then {c} + {by} else {c} end").format(
                    c=sql.Identifier(name),
                    by=sql.Literal(by if table.type(name) != "date" else by.days),
                )
                for name in table.times
            ]
            # Where no partition is for the new times they stay as they are.
            self._tried(sql.SQL("update {} set {}").format(table.there, sql.SQL(", ").join(parts)))

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def day(self, until: datetime) -> None:
        """What happens in the 24 hours before."""
        noon = until - timedelta(hours=12)
        self._forget()
        for table in self._parents_first():
            if not table.rows:
                continue
            for _ in range(self._how_many(table.rhythm[noon.weekday()])):
                self._insert(table, until)
            if table.rows >= LOOKUP and noon.weekday() < 5:
                self._change(table, until)
                self._delete_some(table)

    def one_more_everywhere(self, until: datetime) -> None:
        """A new row of every table, the smallest lookup included."""
        self._forget()
        for table in self._parents_first():
            if table.rows:
                self._insert(table, until)

    def say_something_new(self) -> None:
        """In each text that people type, one word that was not there before."""
        for table in self.tables.values():
            for name in table.free:
                if table.rows < LOOKUP or table.type(name) not in TEXTS or PROGRAM.search(name):
                    continue
                self._tried(
                    sql.SQL(
                        "update {t} set {c} = 'new' where ctid = (select ctid from {t} where {c} is not null limit 1)"
                    ).format(t=table.there, c=sql.Identifier(name))
                )

    def purge(self) -> set[str]:
        """The oldest fifth of the largest table with times, and what points to it. Tables that lost rows."""
        dated = [t for t in self.tables.values() if t.moment and t.rows >= LOOKUP]
        if not dated:
            return set()
        table = max(dated, key=lambda t: t.rows)
        self._connection.execute("drop table if exists pg_temp.going")
        self._connection.execute(
            sql.SQL("create temp table going as select * from {} order by {} limit {}").format(
                table.there, sql.Identifier(table.moment), sql.Literal(table.rows // 5)
            )
        )
        lost: set[str] = set()
        self._gone_with(
            table,
            sql.SQL("select * from pg_temp.{}").format(sql.Identifier("going")),
            lost,
            depth=0,
        )
        self._connection.execute("drop table pg_temp.going")
        return lost

    def _forget(self) -> None:
        self._newer: dict[int, list[tuple[Any, ...]]] = {}
        self._known: dict[tuple[int, tuple[str, ...]], list[tuple[Any, ...]]] = {}

    # --- looking

    def _found(self) -> Iterator[Growing]:
        for oid, schema, name, columns, keys, links in self._connection.execute(CATALOG).fetchall():
            known = [Link(tuple(x["columns"]), int(x["to"]), tuple(x["keys"])) for x in links or ()]
            table = Growing(oid, schema, name, columns or [], keys or [], known)
            self._look_at(table)
            yield table

    def _look_at(self, table: Growing) -> None:
        table.rows = self._one(sql.SQL("select count(*) from {}").format(table.there))
        table.times = [
            c["name"]
            for c in table.columns
            if c["type"] in MOMENTS and not c["generated"] and not UNMOVED.search(c["name"].lower())
        ]
        newest = {name: self._newest(table, name) for name in table.times}
        table.times = [name for name in table.times if newest[name]]
        born = [name for name in table.times if not LATER.search(name.lower())]
        table.moment = next(iter(born or table.times), "")
        if table.moment:
            table.rhythm = self._rhythm(table, newest[table.moment])
        elif table.rows > LOOKUP or table.links:
            table.rhythm = (min(1 + table.rows / 500, 20),) * 5 + (0.2, 0.2)

    def _newest(self, table: Growing, column: str) -> float:
        text = "select extract(epoch from max({c})) from {t} where {c} < '2100-01-01' and isfinite({c})"
        found = self._one(sql.SQL(text).format(c=sql.Identifier(column), t=table.there))
        return float(found or 0)

    def _rhythm(self, table: Growing, newest: float) -> tuple[float, ...]:
        text = (
            "select extract(isodow from {c})::int, count(*) from {t}"
            " where {c} > to_timestamp({n}) - interval '56 days' and {c} < '2100-01-01' group by 1"
        )
        rows = self._connection.execute(
            sql.SQL(text).format(
                c=sql.Identifier(table.moment), t=table.there, n=sql.Literal(newest)
            )
        ).fetchall()
        days: dict[int, float] = defaultdict(float, {d: n / WEEKS for d, n in rows})
        return tuple(min(days[d], MOST) for d in range(1, 8))

    def _one(self, query: sql.Composed) -> Any:
        row = self._connection.execute(query).fetchone()
        return row[0] if row else None

    def _parents_first(self) -> list[Growing]:
        done: dict[int, Growing] = {}

        def visit(table: Growing, seen: frozenset[int]) -> None:
            for link in table.links:
                if link.to in self.tables and link.to not in done and link.to not in seen:
                    visit(self.tables[link.to], seen | {link.to})
            done.setdefault(table.oid, table)

        for table in self.tables.values():
            visit(table, frozenset({table.oid}))
        return list(done.values())

    def _how_many(self, rate: float) -> int:
        """So many, and one more as often as the rest says."""
        whole = int(rate)
        return whole + (self._chance.random() < rate - whole)

    # --- changing

    def _insert(self, table: Growing, until: datetime) -> None:
        for _ in range(ATTEMPTS):
            row = self._template(table)
            if row is None:
                return
            self._moved(table, row, until)
            self._pointed_anew(table, row)
            self._keyed_anew(table, row)
            if self._chance.random() < 0.3:
                self._varied(table, row)
            names = [n for n in row if row[n] is not DEFAULT]
            text = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
                table.there,
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join(
                    sql.SQL("{}::{}").format(sql.Literal(row[n]), sql.SQL(self._spelled(table, n)))
                    for n in names
                ),
            )
            if self._tried(text):
                table.rows += 1
                return

    def _spelled(self, table: Growing, column: str) -> str:
        return next(str(c["spelled"]) for c in table.columns if c["name"] == column)

    def _template(self, table: Growing) -> dict[str, Any] | None:
        """One of the newer rows, as texts."""
        written = [c["name"] for c in table.columns if not c["generated"]]
        if table.oid not in self._newer:
            listed = sql.SQL(", ").join(
                sql.SQL("{}::text").format(sql.Identifier(n)) for n in written
            )
            order = sql.SQL("order by {} desc nulls last").format(
                sql.Identifier(table.moment or written[0])
            )
            text = sql.SQL("select {} from {} {} limit 300").format(listed, table.there, order)
            self._newer[table.oid] = self._connection.execute(text).fetchall()
        rows = self._newer[table.oid]
        return dict(zip(written, self._chance.choice(rows), strict=True)) if rows else None

    def _moved(self, table: Growing, row: dict[str, Any], until: datetime) -> None:
        """All times of the row by as much as its own is moved to this day."""
        if not table.moment or row[table.moment] is None:
            return
        at = until - timedelta(hours=self._chance.uniform(2, 20))
        before = row[table.moment]
        for name in table.times:
            if row[name] is None or row[name] >= "2100" or "infinity" in row[name]:
                continue
            text = sql.SQL(
                "select ({}::timestamptz + (date_trunc('second', {}::timestamptz) - {}::timestamptz))::text"
            )
            row[name] = self._one(
                text.format(sql.Literal(row[name]), sql.Literal(at), sql.Literal(before))
            )
        row[table.moment] = at.isoformat()

    def _pointed_anew(self, table: Growing, row: dict[str, Any]) -> None:
        """Half of the new rows point to what is new."""
        for link in table.links:
            parent = self.tables.get(link.to)
            if parent is None or any(row[c] is None for c in link.columns) or not parent.rows:
                continue
            known = self._keys_of(parent, link.keys)
            found = self._chance.choice(known[:20] if self._chance.random() < 0.5 else known)
            if found:
                row.update(zip(link.columns, found, strict=True))

    def _keys_of(self, parent: Growing, keys: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """The last ones first."""
        if (parent.oid, keys) not in self._known:
            listed = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(k)) for k in keys)
            text = sql.SQL("select {} from {} order by {} desc limit 3000")
            self._known[parent.oid, keys] = self._connection.execute(
                text.format(listed, parent.there, sql.Identifier(keys[0]))
            ).fetchall()
        return self._known[parent.oid, keys]

    def _keyed_anew(self, table: Growing, row: dict[str, Any]) -> None:
        for key in table.keys:
            made = [n for n in key if any(c["name"] == n and c["made"] for c in table.columns)]
            for name in made:
                row[name] = DEFAULT
            if made:
                continue
            own = [n for n in key if n not in table.pointing]
            if len(own) < len(key):  # what it points to makes it another one, or the line number
                own = [n for n in own if table.type(n) in NUMBERS]
            for name in own[:1]:
                row[name] = self._new_value(table, name, row[name])

    def _new_value(self, table: Growing, name: str, old: Any) -> Any:
        kind = table.type(name)
        column = sql.Identifier(name)
        if kind in NUMBERS:
            return str(
                self._one(
                    sql.SQL("select coalesce(max({}), 0) + 1 from {}").format(column, table.there)
                )
            )
        if kind == "uuid":
            return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        if kind in TEXTS:
            length = len(str(old or "x"))
            return "".join(
                self._chance.choices(
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=max(2, min(length, 12))
                )
            )
        return old

    def _varied(self, table: Growing, row: dict[str, Any]) -> None:
        """Numbers a third larger or smaller; years are what they are."""
        for name in table.free:
            if row.get(name) in (None, DEFAULT) or name in table.times:
                continue
            kind = table.type(name)
            if kind in NUMBERS and "year" not in name.lower():
                number = float(row[name]) * self._chance.uniform(0.67, 1.33)
                row[name] = (
                    str(min(round(number), WHOLE[kind])) if kind in WHOLE else f"{number:.2f}"
                )

    def _change(self, table: Growing, until: datetime) -> None:
        """Some rows take over a value of another one, and say when."""
        free = [n for n in table.free if n not in table.times]
        touched = [n for n in table.times if LATER.search(n.lower())]
        for name in self._chance.sample(free, min(2, len(free))):
            column = sql.Identifier(name)
            said = [
                sql.SQL("{} = {}").format(
                    sql.Identifier(t), sql.Literal(until - timedelta(hours=5))
                )
                for t in touched
            ]
            value = sql.SQL("(select {} from {} offset {} limit 1)").format(
                column, table.there, sql.Literal(self._chance.randrange(table.rows))
            )
            parts = [sql.SQL("{} = {}").format(column, value), *said]
            self._tried(
                sql.SQL(
                    "update {} set {} where ctid = any(array(select ctid from {} offset {} limit 3))"
                ).format(
                    table.there,
                    sql.SQL(", ").join(parts),
                    table.there,
                    sql.Literal(self._chance.randrange(table.rows)),
                )
            )

    def _delete_some(self, table: Growing) -> None:
        """One in 2,000, and only what nothing points to."""
        if table.oid in self.pointed:
            return
        number = self._how_many(table.rows / 2_000)
        place = sql.Literal(self._chance.randrange(table.rows))
        text = sql.SQL(
            "delete from {} where ctid = any(array(select ctid from {} offset {} limit {}))"
        )
        cursor = self._connection.execute(
            text.format(table.there, table.there, place, sql.Literal(number))
        )
        table.rows -= max(0, cursor.rowcount)

    def _gone_with(
        self, table: Growing, going: sql.Composed, lost: set[str], *, depth: int
    ) -> None:
        """Children first."""
        for child in self.tables.values():
            for link in child.links:
                if link.to != table.oid or depth > DEEPEST or child.oid == table.oid:
                    continue
                here = sql.SQL(", ").join(map(sql.Identifier, link.columns))
                there = sql.SQL(", ").join(map(sql.Identifier, link.keys))
                their = sql.SQL("select * from {} where ({}) in (select {} from ({}) g)").format(
                    child.there, here, there, going
                )
                self._gone_with(child, their, lost, depth=depth + 1)
        text = sql.SQL(
            "delete from {t} y where (y.*)::text in (select (x.*)::text from ({g}) x)"
        ).format(t=table.there, g=going)
        if self._connection.execute(text).rowcount:
            lost.add(table.full_name)
        table.rows = self._one(sql.SQL("select count(*) from {}").format(table.there))

    def _tried(self, text: sql.Composed) -> bool:
        """What a constraint refuses an application would not do either."""
        try:
            with self._connection.transaction():
                self._connection.execute(text)
        except (psycopg.errors.IntegrityError, psycopg.errors.DataError):
            return False
        return True
