"""Scans the books of every shelf; what the scan finds is judged where that of every engine is."""

import json
import sqlite3
import zlib
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
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
    pack,
)
from restorecheck.checks.scan_statements import Aggregate, Depth
from restorecheck.checks.tables import Column, Relation, Table
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.ports import Answers, Checker, Inquiry
from restorecheck.scan.table_scan import ReadOutcome, Survey, UnreadError

DEPTH, LIMIT = Depth(), timedelta(minutes=1)


class ShelfSession:
    lost = False

    def __init__(self, place: Path) -> None:
        self.connection = sqlite3.connect(f"file:{place / BOOKS}?mode=ro", uri=True)
        self.connection.create_function("crc32", 1, lambda text: zlib.crc32(text.encode()))

    def ask(self, text, timeout, *, question, natural):  # noqa: ARG002  # the port's signature
        try:
            rows = self.connection.execute(text).fetchall()
        except sqlite3.Error as exc:
            reason = str(exc)
            raise UnreadError(ReadOutcome.REFUSED, lambda: reason) from exc
        return rows if question else [(*row, _texts(values)) for *row, values in rows]

    def since(self):
        return ""

    def close(self):
        self.connection.close()


def _texts(values):
    return [value if value is None else str(value) for value in json.loads(values)]


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
        results, readings = results_of(
            specs,
            {NAME: _read(place, specs)},
            context,
            default=NAME,
            answered_by=endpoint.identity,
        )
        return Answers(results=results, readings=pack(readings))


def _read(place, specs) -> DatabaseReading:
    with closing(ShelfSession(place)) as session:
        tables = _tables(session.connection)
    reading = DatabaseReading()
    asked: dict[str, list[Aggregate]] = defaultdict(list)
    questions = []
    for spec in specs:
        name, kind = spec.options.get("table", ""), kind_of(spec)
        reading.asked[spec.name] = AskedReading()
        if name in tables and isinstance(kind, OfRelation):
            ask = _ask(spec, tables)
            asked[ask.relation.full_name] += kind.aggregates(ask)
            question = kind.question(ask)
            questions += [question] if question else []
            _note(reading, ask, question)
        elif not spec.built_in:
            reading.asked[spec.name].absent = f"shelf {name}"
    Survey(
        lambda: ShelfSession(place),
        [*tables.values()],
        reading,
        sql=shelves,
        depth=DEPTH,
        asked=asked,
        questions=questions,
        connections=2,
        major=1,
    ).run(LIMIT, LIMIT)
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


def _note(reading, ask, question) -> None:
    name = ask.relation.full_name
    reading.relations[name] = RelationReading(members=[name], columns=list(ask.columns))
    asked = reading.asked[ask.spec.name]
    asked.relation, asked.columns = name, dict(ask.columns)
    asked.question = question.key if question else ""
