"""Scans the books of every shelf; what the scan finds is judged where that of every engine is."""

import json
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from restorecheck.shelves.provider import BOOKS, NAME

from restorecheck.checks.answers import Rows
from restorecheck.checks.dialects import shelves
from restorecheck.checks.judge_scan import judge_answer
from restorecheck.checks.kind import Ask, OfRelation
from restorecheck.checks.registry import is_alone, kind_of
from restorecheck.checks.results import context_of, result_of, results_of
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
    pack,
)
from restorecheck.checks.scan_statements import Aggregate, Depth, aggregates, merged
from restorecheck.checks.tables import Column, Relation, Table
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.ports import Answers, Checker, Inquiry

DEPTH = Depth()


class ShelfChecker(Checker):
    def run(self, inquiry: Inquiry) -> Answers:
        endpoint = inquiry.endpoint
        place = Path(endpoint.host)
        if not place.is_dir() or str(place.stat().st_ino) != endpoint.identity:
            raise DatabaseUnreachableError("these are other shelves")
        first = inquiry.pending[0]
        if is_alone(first):
            judgement = judge_answer(first, Rows(columns=1, count=1, first=(1,)))
            return Answers(results=(result_of(first, NAME, judgement, endpoint.identity),))
        specs = [spec for spec in inquiry.pending if not is_alone(spec)]
        context = context_of((NAME,), inquiry.baseline, inquiry.backup, datetime.now(UTC))  # noqa: TID251  # a toy
        with closing(sqlite3.connect(f"file:{place / BOOKS}?mode=ro", uri=True)) as connection:
            connection.create_function("crc32", 1, lambda text: zlib.crc32(text.encode()))
            read = _read(connection, specs)
        results, readings = results_of(
            specs,
            {NAME: read},
            context,
            default=NAME,
            answered_by=endpoint.identity,
        )
        return Answers(results=results, readings=pack(readings))


def _read(connection, specs) -> DatabaseReading:
    tables = _tables(connection)
    reading = DatabaseReading(done=True)
    asked: dict[str, list[Aggregate]] = {name: [] for name in tables}
    for spec in specs:
        name, kind = spec.options.get("table", ""), kind_of(spec)
        reading.asked[spec.name] = AskedReading()
        if name in tables and isinstance(kind, OfRelation):
            ask = _ask(spec, tables)
            asked[name] += kind.aggregates(ask)
            _note(reading, ask, kind.question(ask), connection)
        elif not spec.built_in:
            reading.asked[spec.name].absent = f"shelf {name}"
    for name, table in tables.items():
        wanted = aggregates(table, DEPTH, asked[name], sql=shelves, major=1)
        text = shelves.statement(table, wanted, None)
        ((values,),) = connection.execute(text)
        found = {
            a.key: str(v) for a, v in zip(wanted, json.loads(values), strict=True) if v is not None
        }
        reading.tables[table.full_name] = TableReading(
            values=merged(wanted, [found]), group=table.full_name
        )
    return reading


def _tables(connection) -> dict[str, Table]:
    names = connection.execute("select name from sqlite_schema order by name").fetchall()
    return {
        name: Table(
            schema=NAME,
            name=name,
            columns=tuple(
                Column(name=column, type=kind, not_null=bool(required))
                for _, column, kind, required, *_ in connection.execute(
                    "select * from pragma_table_info(?)", [name]
                )
            ),
        )
        for (name,) in names
    }


def _ask(spec, tables) -> Ask:
    relation, to = (
        Relation(schema=NAME, name=name, columns=table.columns, members=(table.full_name,))
        for name in (spec.options["table"], spec.options.get("to", spec.options["table"]))
        for table in [tables[name]]
    )
    columns, to_columns = ({c.name: c.name for c in one.columns} for one in (relation, to))
    return Ask(
        sql=shelves, spec=spec, relation=relation, columns=columns, to=to, to_columns=to_columns
    )


def _note(reading, ask, question, connection) -> None:
    name = ask.relation.full_name
    kept = RelationReading(members=[name], columns=list(ask.columns))
    reading.relations[name] = kept
    asked = reading.asked[ask.spec.name]
    asked.relation, asked.columns = name, dict(ask.columns)
    if question is not None:
        asked.question = question.key
        ((answer,),) = connection.execute(question.sql)
        reading.answers[question.key] = str(answer)
