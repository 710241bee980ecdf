"""`make bench`: the checks against their peers and against the floor, on one database, in one run.

205 tables, 6.1 million rows, 1.1 GB (BENCH_SCALE=50; smaller is faster and says less). Peers that
can be installed are installed into environments of their own below BENCH_PEERS (by default not at all:
`BENCH_PEERS=/tmp/peers make bench`). Every number is the median of interleaved runs, as a ratio.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pygal

from restorecheck.checks.registry import BUILT_INS, built_in
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.model import CheckSpec
from restorecheck.postgres.scan.scan_plan import Inquirer
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.opening import by_system_identifier, connect
from tests import pg
from tests.bench import peers
from tests.bench.drawing import LOOK, save
from tests.bench.measured import Row, both, note
from tests.damage.healthy import MAINTENANCE
from tests.reading import endpoint_of

SCALE = int(os.environ.get("BENCH_SCALE", "50"))
RUNS = 5
HOUR = timedelta(hours=1)
NAME = "bench"

SMALL = """
create schema app;
do $$ begin for i in 1..200 loop
  execute format('create table app.t_%s (id bigserial primary key, name text not null, ref int, created_at timestamptz not null default now())', lpad(i::text, 3, '0'));
  execute format('insert into app.t_%s (name, ref, created_at) select ''n'' || g, g %% 10, now() - g * interval ''1 minute'' from generate_series(1, %s) g', lpad(i::text, 3, '0'), 10 + (i * 37) % 991);
end loop; end $$;
create table app.accounts (aid int primary key, bid int not null, abalance int not null, filler char(84));
create table app.branches (bid int primary key, bbalance int not null);
create table app.tellers (tid int primary key, bid int not null, tbalance int not null);
create table app.history (tid int, bid int, aid int, delta int, mtime timestamp);
create table app.wide (
  id bigserial primary key, created_at timestamptz not null, customer_id int not null, email text not null,
  status text not null, amount numeric(12,2), payload jsonb not null, body text, tags text[]
);
"""
FILL = """
insert into app.branches select g, 0 from generate_series(1, {scale}) g;
insert into app.tellers select g, 1 + g % {scale}, 0 from generate_series(1, {scale} * 10) g;
insert into app.accounts select g, 1 + g % {scale}, 0, '' from generate_series(1, {scale} * 100000) g;
insert into app.wide (created_at, customer_id, email, status, amount, payload, body, tags)
select now() - ({rows} - g) * interval '1 second', 1 + g % {scale}, 'user' || g || '@example.com',
  (array['new', 'paid', 'shipped', 'done'])[1 + g % 4], (g % 100000) / 100.0,
  jsonb_build_object('k', g, 'name', md5(g::text), 'nested', jsonb_build_object('a', g % 17, 'b', md5((g + 1)::text))),
  case when g % 10 = 0 then repeat(md5(g::text), 80) else repeat(md5(g::text), 2) end, array['a' || g % 7, 'b' || g % 13]
from generate_series(1, {rows}) g;
create unique index wide_email on app.wide (email);
create index wide_created on app.wide (created_at);
"""

NOT_NULL = [
    ("app.wide", c) for c in ("id", "created_at", "customer_id", "email", "status", "payload")
]
NOT_NULL += [("app.accounts", c) for c in ("aid", "bid", "abalance")] + [("app.t_001", "name")]
UNIQUE = [("app.wide", "id"), ("app.wide", "email"), ("app.accounts", "aid"), ("app.t_001", "id")]
RANGES = [
    ("app.wide", "amount", 0, 1000),
    ("app.accounts", "bid", 1, 50),
    ("app.accounts", "abalance", -(10**6), 10**6),
]
VALUES = [("app.wide", "status", ("new", "paid", "shipped", "done"))]
FRESH = [("app.wide", "created_at"), ("app.t_001", "created_at")]
"""Twenty checks; the same for everybody."""


def specs() -> tuple[CheckSpec, ...]:
    def spec(kind: str, table: str, **options: object) -> CheckSpec:
        name = f"{kind} {table} {options}"
        return CheckSpec(name=name, kind=kind, options={"table": table, **options})

    counts = built_in(dict.fromkeys((kind.name for kind in BUILT_INS), None))
    return (
        *counts,
        *(spec("not_null", t, columns=[c]) for t, c in NOT_NULL),
        *(spec("unique", t, columns=[c]) for t, c in UNIQUE),
        *(spec("range", t, column=c, min=low, max=high) for t, c, low, high in RANGES),
        *(spec("accepted_values", t, column=c, values=list(v)) for t, c, v in VALUES),
        *(spec("freshness", t, column=c, max_age_minutes=3000) for t, c in FRESH),
    )


def statements(tables: Sequence[str]) -> list[str]:
    """A statement for each check, as one writes them by hand."""
    return [
        *(f"select count(*) from {t}" for t in tables),
        *(f"select count(*) from {t} where {c} is null" for t, c in NOT_NULL),
        *(
            f"select count(*) from (select {c} from {t} group by {c} having count(*) > 1) x"
            for t, c in UNIQUE
        ),
        *(f"select count(*) from {t} where {c} not between {a} and {b}" for t, c, a, b in RANGES),
        *(f"select count(*) from {t} where {c} not in {v}" for t, c, v in VALUES),
        *(f"select max({c}) from {t}" for t, c in FRESH),
    ]


class Stage:
    """The database, and ways to ask it."""

    def __init__(self, source: pg.Source) -> None:
        self.source = source
        source.sql(f"create database {NAME}", "postgres")
        source.sql(SMALL, NAME)
        rows = SCALE * 20_000
        source.sql(FILL.format(scale=SCALE, rows=rows), NAME)
        for statement in MAINTENANCE:
            source.sql(statement, NAME)
        self.endpoint = endpoint_of(source, NAME)
        self.opener = by_system_identifier(connect)
        with self.connection() as connection:
            self.tables = [
                row[0]
                for row in connection.execute(
                    "select oid::regclass::text from pg_class where relkind = 'r'"
                    " and relnamespace::regnamespace::text = 'app' order by 1"
                )
            ]
            row = connection.execute(
                "select sum(pg_table_size(oid)) from pg_class where relkind = 'r'"
            ).fetchone()
            self.bytes = int(row[0]) if row else 0
            self.files = [
                source.places.data / str(path[0])
                for path in connection.execute(
                    "select pg_relation_filepath(oid) from pg_class where relkind in ('r', 't')"
                    " and pg_relation_filepath(oid) is not null"
                )
            ]

    def connection(self) -> psycopg.Connection[Any]:
        return cluster.superuser_connection(self.source.places, NAME)

    def read(self, chosen: Sequence[CheckSpec], connections: int = 2) -> None:
        reading = DatabaseReading()
        Inquirer(lambda: self.opener(self.endpoint, NAME), chosen, connections=connections).read(
            reading, HOUR, HOUR
        )
        assert reading.done

    def psql(self, script: str) -> None:
        place = self.source.places.directory / "bench.sql"
        place.write_text(script)
        self.source.run("psql", "--no-psqlrc", "--quiet", f"--dbname={NAME}", f"--file={place}")

    def dump(self) -> None:
        self.source.run(
            "pg_dump",
            "--no-sync",
            "--format=custom",
            "--compress=0",
            "--file=/dev/null",
            f"--dbname={NAME}",
        )

    def raw(self) -> None:
        """The floor: two threads read the files."""
        halves = (self.files[::2], self.files[1::2])
        threads = [threading.Thread(target=_read_all, args=(half,)) for half in halves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _read_all(files: Sequence[Path]) -> None:
    buffer = bytearray(1 << 20)
    for first in files:
        for file in (first, *sorted(first.parent.glob(f"{first.name}.[0-9]*"))):
            with file.open("rb", buffering=0) as stream:
                while stream.readinto(buffer):
                    pass


def medians(runs: dict[str, Callable[[], object]], times: int = RUNS) -> dict[str, float]:
    """Seconds on the wall, in turns."""
    return {name: wall for name, (wall, _) in both(runs, times).items()}


def table(title: str, found: dict[str, tuple[float, float]], ours: str) -> None:
    """Print the times, and note those of `ours` beside each other one."""
    print(f"\n{title}")
    wall, work = found[ours]
    for name, (seconds, processors) in found.items():
        print(
            f"  {name:<44}{seconds:8.2f} s   {seconds / wall:6.2f} x {ours};"
            f" processors {processors:8.2f} s   {processors / work:6.2f} x"
        )
        if name != ours:
            row = Row(
                part=title.lower(),
                what=ours,
                beside=name,
                seconds=wall,
                wall=wall / seconds,
                processors=work / processors if processors else None,
            )
            note(row)


def peers_of(stage: Stage) -> dict[str, Callable[[], object]]:
    place = os.environ.get("BENCH_PEERS")
    if not place:
        print("peers that must be installed are left out; BENCH_PEERS=/tmp/peers installs them")
        return {}
    job = peers.Job(
        sockets=stage.source.places.sockets,
        port=cluster.PORT,
        user=cluster.SUPERUSER,
        database=NAME,
        tables=stage.tables,
        not_null=NOT_NULL,
        unique=UNIQUE,
        ranges=RANGES,
        values=VALUES,
        fresh=FRESH,
    )
    return peers.runs(job, Path(place))


OURS, EVERY, PAGES = "restorecheck", "every drill's own checks", "the check of the pages"
PHYSICAL = "all checks of a physical backup"
HEAP = "set enable_indexonlyscan = off; set max_parallel_workers_per_gather = 0;"
MD5 = "select count(*), sum(('x' || right(md5(t::text), 15))::bit(60)::bigint) from {table} t"
"""The checksum of data-diff: data_diff/databases/postgresql.py, `md5_as_int`."""


def amcheck(stage: Stage) -> dict[str, Callable[[], object]]:
    """PostgreSQL's own program at the same depth, with the extension there before."""
    if not (stage.source.installation.bin_dir / "pg_amcheck").exists():
        print("pg_amcheck is not among the programs")
        return {}

    def check() -> None:
        options = ("--heapallindexed", "--parent-check", "--jobs=2")
        stage.source.run("pg_amcheck", "--install-missing", *options, f"--database={NAME}")
        stage.source.sql("drop extension amcheck", NAME)

    return {"pg_amcheck -j2": check}


GROWTH = ((10, 1_000), (100, 1_000), (500, 1_000), (2_000, 100), (1, 1_000_000), (1, 10_000_000))
"""Tables and rows in each."""


def _read_everything(inquirer: Inquirer) -> None:
    inquirer.read(DatabaseReading(), HOUR, HOUR)


def growth(source: pg.Source) -> None:
    """Time against the number of tables, and against the number of rows; a bar for each."""
    print("\nGrowth: every drill's own checks")
    checks = tuple(s for s in built_in() if s.kind != "pages_sound")
    chart = pygal.HorizontalBar(
        title="Every drill's own checks, seconds", show_legend=False, print_values=True, **LOOK
    )
    chart.x_labels = [f"{count:,} x {rows:,} rows" for count, rows in GROWTH]
    taken: list[float] = []
    for count, rows in GROWTH:
        name = f"grown_{count}_{rows}"
        source.sql(f"create database {name}", "postgres")
        for first in range(0, count, 200):
            source.sql(
                f"do $$ begin for i in {first}..{min(first + 200, count) - 1} loop"
                " execute format('create table t_%s (id int primary key, name text not null, at timestamptz not null)', i);"
                f" execute format('insert into t_%s select g, md5(g::text), now() from generate_series(1, {rows}) g', i);"
                " end loop; end $$",
                name,
            )
        for statement in MAINTENANCE:
            source.sql(statement, name)
        opener = partial(by_system_identifier(connect), endpoint_of(source, name), name)
        inquirer = Inquirer(opener, checks, connections=2)
        read = partial(_read_everything, inquirer)
        seconds = medians({name: read}, times=3)[name]
        each = seconds / count * 1e3 if count > 1 else seconds / rows * 1e6
        unit = "ms a table" if count > 1 else "s a million rows"
        bar = "#" * max(1, round(seconds * 10))
        print(f"  {count:>5} x {rows:>10,} rows {seconds:7.2f} s  {each:6.2f} {unit:<17} {bar}")
        source.sql(f"drop database {name}", "postgres")
        taken.append(round(seconds, 2))
    chart.add("seconds", taken)
    save(chart, "growth")


def main() -> None:
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as source:
        began = time.perf_counter()
        stage = Stage(source)
        print(
            f"PostgreSQL {installation.version}, {len(stage.tables)} tables, {stage.bytes / 1e9:.2f} GB,"
            f" filled in {time.perf_counter() - began:.0f} s, {os.cpu_count()} processors"
        )
        by_hand = statements(stage.tables)
        counts = [s for s in specs() if s.built_in]
        everything = tuple(s for s in built_in() if s.kind != "pages_sound")
        pages = tuple(s for s in built_in() if s.kind == "pages_sound")
        contents = tuple(s for s in built_in() if s.kind in {"tables_countable", "unchanged"})
        table(
            "Counting every table",
            both(
                {
                    OURS: lambda: stage.read(counts),
                    "psql, heap, one after the other": lambda: stage.psql(
                        HEAP + ";".join(f"select count(*) from {t}" for t in stage.tables)
                    ),
                    "reading the files raw, two threads": stage.raw,
                },
                RUNS,
            ),
            OURS,
        )
        table(
            "Counts and 20 checks",
            both(
                {
                    OURS: lambda: stage.read(specs()),
                    "psql, a statement for each": lambda: stage.psql(";".join(by_hand)),
                    **peers_of(stage),
                },
                RUNS,
            ),
            OURS,
        )
        table(
            "Contents of every row",
            both(
                {
                    OURS: lambda: stage.read(contents),
                    "psql, count(*) of each table": lambda: stage.psql(
                        HEAP + ";".join(f"select count(*) from {t}" for t in stage.tables)
                    ),
                    "psql, md5 of each row, as data-diff": lambda: stage.psql(
                        ";".join(MD5.format(table=t) for t in stage.tables)
                    ),
                },
                3,
            ),
            OURS,
        )
        table(
            "Depth",
            both(
                {
                    EVERY: lambda: stage.read(everything),
                    "pg_dump to nowhere": stage.dump,
                    "reading the files raw, two threads": stage.raw,
                },
                3,
            ),
            EVERY,
        )
        physical = {PHYSICAL: lambda: stage.read(built_in()), "pg_dump -Fc -Z0": stage.dump}
        table("Depth of a physical backup", both(physical, 3), PHYSICAL)
        table("Pages", both({PAGES: lambda: stage.read(pages), **amcheck(stage)}, 3), PAGES)
        growth(source)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="rcbench"):
        main()
