"""Proposed checks as text: alone, and within what a person has written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restorecheck import config
from restorecheck.checks.nights import night_of, profile_of
from restorecheck.checks.profiles import ColumnProfile, Profile, TableProfile, looks_personal
from restorecheck.checks.proposing import NIGHTS, Proposal, propose
from restorecheck.checks.readings import DatabaseReading, TableReading
from restorecheck.config import proposed
from restorecheck.errors import ConfigError

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
ODD = "select count(*) from \"t $x\" where a in ('${b}', '# no comment: \"quoted\"', '%s') and  c"
PROPOSALS = (
    Proposal(
        kind="row_count", keys={"table": "public.a", "min": 10, "max_drop": "3%"}, because="x"
    ),
    Proposal(
        kind="accepted_values",
        keys={
            "table": 'public."odd, table"',
            "column": "no",
            "values": ["yes", "null", "a: b", "ü", "1"],
        },
        because="a long " * 40,
    ),
    Proposal(kind="query", keys={"name": "odd", "sql": ODD, "expect": {"equals": 0}}, because="y"),
    Proposal(
        kind="query",
        keys={
            "name": "long",
            "sql": "select 1 where 'a' <> 'b c'" + " and true" * 40,
            "expect": {"equals": 1},
        },
        because="y",
    ),
)


def parsed(text):
    return config.parse(text, file="t", directory=Path("/"), environment={})


def specs(text, target=0):
    return {s.name: s for s in parsed(text).targets[target].check_specs()}


@pytest.mark.parametrize(
    "column",
    [
        "email",
        "user_email",
        "emailAddress",
        "firstName",
        "last_name",
        "display_name",
        "phone_2",
        "home_address",
        "dob",
        "birth_date",
        "iban",
        "client_ip",
        "ipAddress",
        "ssn",
        "password_digest",
        "api_token",
        "zip",
        "postcode",
        "gender",
        "salary",
        "notes",
    ],
)
def test_names_that_look_personal_are_left_alone(column):
    assert looks_personal(column)


@pytest.mark.parametrize(
    "column",
    [
        "shipped_at",
        "status",
        "total",
        "description",
        "created_at",
        "quantity",
        "pages",
        "tip_count",
    ],
)
def test_ordinary_names_are_looked_at(column):
    assert not looks_personal(column)


HEAD = "version: 1\ntargets:\n"
WRITTEN = {
    "none": "  - name: one\n    dump: {path: .}  # of ours\n\n# the end\n",
    "empty": "  - name: one\n    checks: []  # none yet\n    dump: {path: .}\n",
    "block": "  - name: one\n    dump: {path: .}\n    checks:\n    # mine\n    - row_count: {table: t, min: 1}  # why\n"
    "    - query:\n        name: q\n        expect: {equals: 1}\n        sql: >-\n          select\n          1\n\n"
    "    # after\n    deadline_minutes: 5\n",
    "brackets": "  - name: one\n    dump: {path: .}\n    checks: [{row_count: {table: t, min: 1}}, ]\n",
    "last line": "  - name: one\n    dump: {path: .}\n    checks:\n      - row_count: {table: t, min: 1}",
    "windows": "  - name: one\r\n    dump: {path: .}\r\n    checks:\r\n      - row_count: {table: t, min: 1}\r\n",
    "second": "  - {name: zero, dump: {path: .}}\n  - name: one\n    dump: {path: .}\n",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_merging_adds_and_changes_nothing_that_is_there(form):
    text = HEAD + WRITTEN[form]
    before = specs(text, -1)

    merged = proposed.merged(text, "one", PROPOSALS)

    after = specs(merged, -1)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + len(PROPOSALS)
    assert after["odd"].options["sql"] == ODD
    assert after["long"].options["sql"] == PROPOSALS[3].keys["sql"]
    assert after['values of no of public."odd, table"'].options["values"] == [
        "yes",
        "null",
        "a: b",
        "ü",
        "1",
    ]
    kept = [line.strip() for line in text.replace(" []", "").replace(", ]", "").splitlines()]
    rest = iter(merged.splitlines())
    assert all(any(line in other for other in rest) for line in kept), "in order, comments and all"


def test_merging_twice_adds_nothing_the_second_time():
    text = HEAD + WRITTEN["block"]
    merged = proposed.merged(text, "one", PROPOSALS)

    new = proposed.unwritten(PROPOSALS, parsed(merged).targets[0])

    assert new == ()
    assert proposed.merged(merged, "one", new) == merged


def test_what_a_person_wrote_about_a_table_is_not_proposed_again():
    text = (
        HEAD
        + "  - name: one\n    dump: {path: .}\n    checks: [{row_count: {table: public.A, min: 7}}]\n"
    )

    new = proposed.unwritten(PROPOSALS, parsed(text).targets[0])

    assert [p.kind for p in new] == ["accepted_values", "query", "query"]


@pytest.mark.parametrize(
    "text",
    [
        "  - {name: one, dump: {path: .}}\n",
        (
            "  - name: zero\n    dump: {path: .}\n    checks: &c [{row_count: {table: t, min: 1}}]\n"
            "  - name: one\n    dump: {path: .}\n    checks: *c\n"
        ),
        (
            "  - name: one\n    dump: {path: .}\n    checks: &c [{row_count: {table: t, min: 1}}]\n"
            "  - name: two\n    dump: {path: .}\n    checks: *c\n"
        ),
    ],
)
def test_what_cannot_be_added_to_without_changing_more_is_refused(text):
    with pytest.raises(ConfigError, match="cannot be added to"):
        proposed.merged(HEAD + text, "one", PROPOSALS)


# --- evidence


def table(**column):
    known = ColumnProfile(name="at", type="timestamptz", present=100, **column)
    return TableProfile(schema="public", name="t", rows=100, columns=(known,))


def fresh(hours, **more):
    profile = Profile(tables=(table(hours=tuple(hours)),), taken_at=NOW, **more)
    return [p.keys["max_age_hours"] for p in propose(profile) if p.kind == "freshness"]


HOUR = int(NOW.timestamp() // 3600)


def test_a_column_that_sleeps_at_weekends_is_given_more_than_a_weekend():
    hours = [h for h in range(HOUR - 14 * 24, HOUR) if (h // 24) % 7 not in {2, 3}]

    assert fresh(hours) == [2 * 49 + 6]


def test_a_column_that_moved_on_two_days_is_not_to_be_fresh():
    assert fresh([HOUR - 1, HOUR - 240]) == []


def test_a_column_of_the_future_is_not_to_be_fresh():
    assert fresh(range(HOUR, HOUR + 13 * 24)) == []


def reading(rows, newest, text="1"):
    values = {"rows": str(rows), "print": text, "newest:at": str(newest)}
    structure = {
        "column public.t.at": "timestamp with time zone not null",
        "column public.t.id": "integer not null",
        "constraint public.t.t_pkey": "PRIMARY KEY (id)",
    }
    return DatabaseReading(tables={"public.t": TableReading(values=values)}, structure=structure)


def test_seven_nights_of_history_tell_of_freshness_floors_and_what_never_changes():
    moments = [NOW + timedelta(days=n) for n in range(NIGHTS)]
    readings = [
        reading(1000 + n, (m - timedelta(hours=3)).timestamp()) for n, m in enumerate(moments)
    ]

    nights = [night_of(r, m) for r, m in zip(readings, moments, strict=True)]
    found = propose(profile_of(readings[-1], moments[-1]), nights)

    assert [(p.kind, {k: v for k, v in p.keys.items() if k != "table"}) for p in found] == [
        ("row_count", {"min": 500, "max_drop": "4%"}),
        ("freshness", {"column": "at", "max_age_hours": 12}),
        ("unchanged", {"severity": "warning"}),
        ("not_null", {"columns": ["at", "id"]}),
        ("unique", {"columns": ["id"]}),
    ]


def test_a_table_that_changed_in_one_night_is_not_said_to_stay_as_it_is():
    readings = [reading(1000, NOW.timestamp(), text=str(n // 6)) for n in range(NIGHTS)]

    found = propose(profile_of(readings[0], NOW), [night_of(r, NOW) for r in readings])

    assert "unchanged" not in {p.kind for p in found}
