"""Programs that check data, asked for the same: the count of every table, and the checks of `Job`.

Each is installed into an environment of its own below a folder, from the package index that pip is set to.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

Check = TypeVar("Check", bound=tuple[object, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked of everybody. Tables have their schema; all are in one schema."""

    sockets: Path
    port: int
    user: str
    database: str
    tables: Sequence[str]
    not_null: Sequence[tuple[str, str]]
    unique: Sequence[tuple[str, str]]
    ranges: Sequence[tuple[str, str, int, int]]
    """Table, column, least and greatest value."""
    values: Sequence[tuple[str, str, Sequence[str]]]
    fresh: Sequence[tuple[str, str]]
    """The newest value is younger than two days."""

    @property
    def schema(self) -> str:
        (schema,) = {table.partition(".")[0] for table in self.tables}
        return schema


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    packages: tuple[str, ...]
    prepare: Callable[[Job, Path], Callable[[], None]]
    """Writes its files into the folder, which has its environment; then each call is one run."""


def runs(job: Job, place: Path) -> dict[str, Callable[[], object]]:
    """A run of each peer that can be installed."""
    found: dict[str, Callable[[], object]] = {}
    for peer in PEERS:
        home = place / peer.name.split()[0]
        try:
            _install(home, peer.packages)
        except subprocess.CalledProcessError as exc:
            print(f"{peer.name} cannot be installed: {exc}")
            continue
        found[f"{peer.name}, command line"] = peer.prepare(job, home)
    return found


def _install(home: Path, packages: Sequence[str]) -> None:
    if (home / "installed").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    pip = shutil.which("pip3") or "pip"
    subprocess.run(
        [pip, f"--python={home}/bin/python", "install", "--quiet", *packages], check=True
    )
    (home / "installed").touch()


def _run(argv: Sequence[str | Path], home: Path, **environment: str) -> None:
    done = subprocess.run(
        argv,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))


def _soda(job: Job, home: Path) -> Callable[[], None]:
    source = {
        "type": "postgres",
        "host": str(job.sockets),
        "port": job.port,
        "username": job.user,
        "password": "x",
        "database": job.database,
        "schema": job.schema,
    }
    _write(home / "source.yml", {"data_source peers": source})
    checks = {
        f"checks for {table.partition('.')[2]}": list(_soda_checks(job, table))
        for table in job.tables
    }
    _write(home / "checks.yml", checks)
    argv: list[str | Path] = [
        home / "bin/soda",
        "scan",
        "-d",
        "peers",
        "-c",
        "source.yml",
        "checks.yml",
    ]
    silent = {"SODA_CORE_TELEMETRY_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}
    return lambda: _run(argv, home, **silent)


def _soda_checks(job: Job, table: str) -> Iterator[object]:
    yield "row_count >= 0"
    for _, column in _of(job.not_null, table):
        yield f"missing_count({column}) = 0"
    for _, column in _of(job.unique, table):
        yield f"duplicate_count({column}) = 0"
    for _, column, low, high in _of(job.ranges, table):
        yield {f"invalid_count({column}) = 0": {"valid min": low, "valid max": high}}
    for _, column, values in _of(job.values, table):
        yield {f"invalid_count({column}) = 0": {"valid values": list(values)}}
    for _, column in _of(job.fresh, table):
        yield f"freshness({column}) < 2d"


DBT_TESTS = """{% test min_rows(model, n) %}
select 1 as x from (select count(*) as c from {{ model }}) q where c < {{ n }}
{% endtest %}
{% test in_range(model, column_name, lo, hi) %}
select {{ column_name }} from {{ model }} where {{ column_name }} not between {{ lo }} and {{ hi }}
{% endtest %}
{% test younger(model, column_name, days) %}
select 1 as x from (select max({{ column_name }}) as m from {{ model }}) q where m < now() - interval '{{ days }} days'
{% endtest %}
"""


def _dbt(job: Job, home: Path) -> Callable[[], None]:
    output = {
        "type": "postgres",
        "host": str(job.sockets),
        "port": job.port,
        "user": job.user,
        "password": "x",
        "dbname": job.database,
        "schema": job.schema,
        "threads": os.cpu_count() or 1,
    }
    project = home / "project"
    _write(project / "profiles.yml", {"p": {"target": "d", "outputs": {"d": output}}})
    _write(
        project / "dbt_project.yml",
        {"name": "p", "version": "1.0", "profile": "p", "flags": {"send_anonymous_usage_stats": False}},
    )  # fmt: skip
    _write(project / "tests/generic/peers.sql", DBT_TESTS)
    tables = [
        {
            "name": table.partition(".")[2],
            "data_tests": [_dbt_test("min_rows", n=0)],
            "columns": _dbt_columns(job, table),
        }
        for table in job.tables
    ]
    sources = [{"name": "src", "schema": job.schema, "tables": tables}]
    _write(project / "models/sources.yml", {"version": 2, "sources": sources})
    argv: list[str | Path] = [home / "bin/dbt", "--quiet", "test", "--profiles-dir", "."]
    return lambda: _run(argv, project)


def _dbt_test(name: str, **arguments: object) -> object:
    return {name: {"arguments": arguments}} if arguments else name


def _dbt_columns(job: Job, table: str) -> list[object]:
    columns: dict[str, list[object]] = {}
    for _, column in _of(job.not_null, table):
        columns.setdefault(column, []).append("not_null")
    for _, column in _of(job.unique, table):
        columns.setdefault(column, []).append("unique")
    for _, column, low, high in _of(job.ranges, table):
        columns.setdefault(column, []).append(_dbt_test("in_range", lo=low, hi=high))
    for _, column, values in _of(job.values, table):
        columns.setdefault(column, []).append(_dbt_test("accepted_values", values=list(values)))
    for _, column in _of(job.fresh, table):
        columns.setdefault(column, []).append(_dbt_test("younger", days=2))
    return [{"name": column, "data_tests": tests} for column, tests in columns.items()]


GX_PROGRAM = """
import datetime, json, sys, warnings
warnings.filterwarnings("ignore")
import great_expectations as gx
import great_expectations.expectations as expectations

job = json.load(open("job.json"))
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
source = context.data_sources.add_sql("peers", connection_string=job["url"])
cut = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
for table, asked in job["tables"].items():
    asset = source.add_table_asset(table, table_name=table, schema_name=job["schema"])
    made = [
        getattr(expectations, kind)(**{key: cut if value == "cut" else value for key, value in arguments.items()})
        for kind, arguments in asked
    ]
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    result = batch.validate(gx.ExpectationSuite(name=table, expectations=made), result_format="BOOLEAN_ONLY")
    if not result.success:
        sys.exit(f"{table}: {[r.expectation_config.type for r in result.results if not r.success]}")
"""


def _gx(job: Job, home: Path) -> Callable[[], None]:
    url = f"postgresql+psycopg2://{job.user}@/{job.database}"
    tables = {t.partition(".")[2]: list(_gx_checks(job, t)) for t in job.tables}
    _write(home / "job.json", json.dumps({"url": url, "schema": job.schema, "tables": tables}))
    _write(home / "run.py", GX_PROGRAM)
    server = {"PGHOST": str(job.sockets), "PGPORT": str(job.port)}
    argv: list[str | Path] = [home / "bin/python", "run.py"]
    return lambda: _run(argv, home, GX_ANALYTICS_ENABLED="false", **server)


def _gx_checks(job: Job, table: str) -> Iterator[tuple[str, dict[str, object]]]:
    yield "ExpectTableRowCountToBeBetween", {"min_value": 0}
    for _, column in _of(job.not_null, table):
        yield "ExpectColumnValuesToNotBeNull", {"column": column}
    for _, column in _of(job.unique, table):
        yield "ExpectColumnValuesToBeUnique", {"column": column}
    for _, column, low, high in _of(job.ranges, table):
        bounds = {"column": column, "min_value": low, "max_value": high}
        yield "ExpectColumnValuesToBeBetween", bounds
    for _, column, values in _of(job.values, table):
        yield "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(values)}
    for _, column in _of(job.fresh, table):
        yield "ExpectColumnMaxToBeBetween", {"column": column, "min_value": "cut"}


def _of(checks: Sequence[Check], table: str) -> list[Check]:
    return [check for check in checks if check[0] == table]


PEERS = (
    Peer("soda-core 3.5.6", ("soda-core-postgres==3.5.6", "setuptools<81"), _soda),
    Peer("dbt-core 1.10.23", ("dbt-core==1.10.23", "dbt-postgres==1.10.2"), _dbt),
    Peer(
        "great_expectations 1.24.1",
        ("great_expectations==1.24.1", "psycopg2-binary", "sqlalchemy<2.1"),
        _gx,
    ),
)
