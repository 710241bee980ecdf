"""Four nights of every relation, and the answer that each kind of check owes to each of them.

A first night; one on which the rows lie in another order and nothing else has changed; one with some
rows more; and one on which everything is broken that a check can be about.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from restorecheck.config.checks import Check
from restorecheck.model import CheckResult, CheckSpec
from tests.reading import ask, database
from tests.world.names import COLUMNS, Form

NIGHTS = ("first", "same", "grown", "broken")
ROWS, MORE = 40, 44


@dataclass(frozen=True)
class Answer:
    outcome: str
    words: str = ""
    """A regular expression that stands in what was found, or in the detail."""

    def __str__(self) -> str:
        return f"{self.outcome} ({self.words})" if self.words else self.outcome


Found = dict[str, list[CheckResult | Exception | None]]
"""Name of a check → what it said, night by night."""
Answers = tuple[Answer, ...]
"""Any of them is right."""
PASSED, FAILED = (Answer("passed"),), (Answer("failed"),)
ALWAYS: tuple[Answers, ...] = (PASSED,) * 4
ABSENT = (Answer("failed", r"is not there"),)
NO_TABLE = (
    Answer("failed", r"is not there|no table"),
    Answer("error", r"sequence|index|type|no table"),
)


def spec(kind: str, name: str, **options) -> CheckSpec:
    """As the configuration has it: the same keys, with its rules and defaults."""
    return Check.model_validate({kind: {"name": name, **options}}).check_spec()


def options(form: Form) -> Mapping[str, Mapping[str, object]]:
    """Kind → its keys, but for the table."""
    column = {name: form.written(name) for name in COLUMNS}
    return {
        "row_count": {"min": 35, "max_drop": "10%"},
        "freshness": {"column": column["made"], "max_age_hours": 24},
        "heartbeat": {"column": column["made"], "max_age_minutes": 90},
        "not_null": {"columns": [column["peer"], column["code"]]},
        "unique": {"columns": [column["code"]]},
        "range": {"column": column["total"], "min": 0, "max": 1000},
        "accepted_values": {"column": column["kind"], "values": ["a", "b"]},
        "references": {"columns": [column["peer"]], "to": form.to, "to_columns": ["id"]},
        "unchanged": {},
        "append_only": {"key": column["id"]},
        "distribution": {"column": column["total"], "max_shift": "10%"},
        "percent_null": {"column": column["note"], "max": "50%", "max_rise": "20%"},
    }


WITHOUT_COLUMNS = frozenset({"row_count", "unchanged", "query"})
KINDS = tuple(kind for kind in options(Form(name="", table="t")) if kind in Check.model_fields)


def specs(form: Form) -> Iterator[CheckSpec]:
    for kind, given in options(form).items():
        if kind in KINDS:
            yield spec(kind, f"{form.name} - {kind}", table=form.table, **given)


def expected(form: Form, kind: str) -> tuple[Answers, ...]:
    """Night by night."""
    rows = (PASSED, PASSED, FAILED if kind == "unchanged" else PASSED, FAILED)
    match form.means:
        case _ if form.still:
            return ALWAYS
        case "rows":
            return rows
        case "no column":
            return rows if kind in WITHOUT_COLUMNS else (ABSENT,) * 4
        case "view":
            refused = (Answer("error", r"\bview\b"),)
            stored = kind in {"unchanged", "append_only"}
            return tuple(right + refused if stored else right for right in rows)
        case "foreign":
            return ((Answer("error", r"(?i)foreign"),),) * 4
        case "unfilled":
            return ((Answer("error", r"(?i)fill|populat|refresh"),),) * 4
        case "empty":
            if kind in {"row_count", "freshness", "heartbeat"}:
                return (FAILED,) * 4
            # How large a share of no rows is, nobody can say.
            none = (Answer("error", r"(?i)no rows?|empty"),) if kind == "percent_null" else ()
            return (PASSED + none,) * 4
        case "absent":
            return (ABSENT,) * 4
        case "no table":
            return (NO_TABLE,) * 4
    raise AssertionError(form.means)


def is_right(result: CheckResult | Exception | None, right: Answers) -> bool:
    if result is None or isinstance(result, Exception):
        return False
    said = f"{result.found} {result.detail}"
    return any(
        result.outcome.value == answer.outcome and re.search(answer.words, said) for answer in right
    )


def said(result: CheckResult | Exception | None) -> str:
    if result is None or isinstance(result, Exception):
        return f"no answer: {result!r}"
    return f"{result.outcome.value}: {result.found} {result.detail}".strip()


def wrong(
    happened: Sequence[str],
    right: Sequence[Answers],
    found: Sequence[CheckResult | Exception | None],
) -> list[str]:
    return [
        f"{night}: {' or '.join(map(str, answers))} is right, not {said(result)}"
        for night, answers, result in zip(happened, right, found, strict=True)
        if not is_right(result, answers)
    ]


# --- what happens in the databases ----------------------------------------------------------


def made(forms: Iterable[Form]) -> str:
    return ";\n".join(
        form.make.replace("{sql}", form.relation).replace("{columns}", form.listed)
        for form in forms
        if form.make
    )


def _target(relation: str) -> str:
    """Rows are put into the relation itself in any case."""
    return relation.removeprefix("only ")


def _filled(form: Form, first: int, last: int) -> Iterator[str]:
    listed = ", ".join(form.column(name) for name in COLUMNS)
    for relation, low, high in form.places:
        if max(low, first) <= min(high, last):
            yield (
                f"insert into {_target(relation)} ({listed})"
                " select i, now() - greatest(0, 40 - i) * interval '1 minute', 100 + i % 10,"
                " case i % 2 when 0 then 'a' else 'b' end, 'c' || i,"
                " case when i % 4 <> 0 then 'n' || i end, 1 + i % 5"
                f" from generate_series({max(low, first)}, {min(high, last)}) i"
            )


def _reordered(form: Form) -> Iterator[str]:
    key = form.column("id")
    for relation, _, high in form.places:
        if high:
            yield f"update {relation} set {key} = {key} where {key} % 3 = 0"
    if form.again:
        yield form.again


def _broken(form: Form) -> Iterator[str]:
    column = {name: form.column(name) for name in COLUMNS}
    for relation, _, _ in form.places:
        yield (
            f"update {relation} set {column['made']} = {column['made']} - interval '60 days',"
            f" {column['note']} = null"
        )
        yield f"delete from {relation} where {column['id']} % 2 = 0"
    listed = ", ".join(column.values())
    yield (
        f"insert into {_target(form.places[-1][0])} ({listed}) values"
        " (90, now() - interval '60 days', 5000, 'z', null, null, 999),"
        " (91, now() - interval '60 days', 100, 'a', 'c1', null, 1)"
    )


def night(name: str, forms: Iterable[Form]) -> str:
    """What happens before it."""
    done: list[str] = []
    for form in forms:
        changes = form.means in {"rows", "view", "no column"} and not form.still
        match name:
            case "first":
                done += _filled(form, 1, ROWS)
            case "same":
                done += _reordered(form)
            case "grown" if changes:
                done += _filled(form, ROWS + 1, MORE)
            case "broken" if changes:
                done += _broken(form)
        if form.refresh:
            done.append(form.refresh)
    return ";\n".join(done)


def lived(source, name: str, prepared: str, forms: tuple[Form, ...]) -> Found:
    """Name of a check → its results, night by night."""
    asked = [check for form in forms for check in specs(form)]
    found: Found = {check.name: [] for check in asked}
    before = None
    with database(source, name, prepared):
        source.sql(made(forms), name)
        for happens in NIGHTS:
            source.sql(night(happens, forms), name)
            before = note(source, name, asked, found, before)
    return found


def note(source, name: str, asked, found: Found, before: str | None) -> str | None:
    """What is found tonight; and the readings, for the next night."""
    results: Mapping[str, CheckResult | Exception]
    readings: str | None
    try:
        results, readings = ask(source, name, asked, before=before)
    except Exception as exc:  # noqa: BLE001  # whatever ends a night is no answer to any check
        results, readings = dict.fromkeys(found, exc), None
    for check in asked:
        found[check.name].append(results.get(check.name))
    return readings
