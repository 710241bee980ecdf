"""Proposed checks as text: alone, and within what a person has written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from restorecheck import config
from restorecheck.checks.nights import night_of, profile_of
from restorecheck.checks.profiles import (
    ColumnProfile,
    NightProfile,
    Profile,
    ReferenceProfile,
    TableProfile,
)
from restorecheck.checks.propose.proposal import NIGHTS, Proposal, propose
from restorecheck.checks.scan_result import DatabaseReading, TableReading
from restorecheck.checks.scan_statements import PRINT
from restorecheck.checks.sensitive_columns import looks_personal
from restorecheck.config import proposed
from restorecheck.errors import ConfigError
from restorecheck.postgres.profile.profiler import candidates

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


def words(text):
    return text.split()


PERSONAL = words("""
email user_email emailAddress E-Mail eMail mailaddr firstName FIRSTNAME last_name lname custname display_name full_name
phone_2 telNo mobileNr handynummer Telefonnummer téléphone home_address remoteAddr Straße strassenname PLZ Wohnort zip postcode
dob DOBDate birth_date dateofbirth bday Geburtsdatum date_naissance fechaNacimiento iban IBANNumber kontonummer creditCardNumber cc_number
client_ip clientIP ipAddress last_sign_in_ip ssn PESEL bsn cpf codiceFiscale password_digest passwordHash pwd contraseña senha hasło
api_token apiKey sessionKey maritalstatus nationalidnumber hometown cardtype expmonth sickleavehours gender geschlecht salary Gehalt hourly_wage notes prénom nom vorname Nachname apellidos cognome imię nazwisko
имя Фамилия 姓名 電話番号 이름 latitude geo_lat maritalStatus created_by assignee contact driver customer
""")
ORDINARY = words("""
shipped_at status total description created_at quantity pages tip_count price amount seats rating shipping version kind category_id
member_count customer_total stage currency temperature discount country mileage
""")


@pytest.mark.parametrize("column", PERSONAL)
def test_names_that_look_personal_are_left_alone(column):
    assert looks_personal(column)


@pytest.mark.parametrize("column", ORDINARY)
def test_ordinary_names_are_looked_at(column):
    assert not looks_personal(column)


@pytest.mark.parametrize(
    "value",
    [
        "anna@example.org",
        "Anna Müller",
        "van Dijk, Jan",
        "+49 30 1234567",
        "192.0.2.17",
        "DE89 3704 0044 0532 0130 00",
        "4929 1234 5678 9012",
        "0f3c9a7be2d1440c",
        "https://example.org/anna",
    ],
)
def test_an_enumeration_with_a_value_that_looks_like_a_persons_is_not_written_down(value):
    assert value not in repr(propose(enumerated("new", "paid", value)))


def test_an_enumeration_of_ordinary_words_is():
    words = ("EWR", "In Progress", "Won't Fix", "application/pdf", "not started", "to_do")

    (found,) = (p for p in propose(enumerated(*words)) if p.kind == "accepted_values")

    assert found.keys["values"] == sorted(words)


def enumerated(*values, rows=1_200):
    """A harmless name, and these values."""
    each = tuple((value, rows // len(values)) for value in values)
    column = ColumnProfile(name="channel", type="text", present=rows, values=each)
    return Profile(
        tables=(TableProfile(schema="public", name="t", rows=rows, columns=(column,)),),
        taken_at=NOW,
    )


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
    "an anchor": "  - name: one\n    dump: {path: .}\n    checks: &mine  # mine\n      - row_count: {table: t, min: 1}\n",
    "an anchor on an item": "  - name: one\n    dump: {path: .}\n    checks:\n    - &first\n      row_count: {table: t, min: 1}\n  # after\n",
    "an alias at the end": "  - name: zero\n    dump: {path: .}\n    checks:\n      - &far\n        row_count: {table: t, min: 1}\n"
    "  - name: one\n    dump: {path: .}\n    checks:\n      - row_count: {table: u, min: 1}\n      - *far  # as above\n    # the end\n",
    "text that keeps its end": "  - name: one\n    dump: {path: .}\n    checks:\n      - query:\n          name: q\n          expect: {equals: 1}\n"
    "          sql: |+\n            select 1\n\n\n    deadline_minutes: 5\n",
    "quotes of all kinds": '  - name: \'one\'\n    dump: {path: .}\n    "checks":\n      - query:\n          name: "a\n            b"\n'
    "          expect: {'equals': 1}\n          sql: 'select\n            1'   # why\n",
    "a comma at the end": "  - name: one\n    dump: {path: .}\n    checks: [\n      {row_count: {table: t, min: 1}},  # first, ok\n    ]\n    deadline_minutes: 5\n",
    "nothing but a comment": "  - name: one\n    dump: {path: .}\n    checks: [  # none yet\n    ]\n",
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


def test_a_comma_is_put_before_the_comment_of_what_was_the_last_item():
    text = (
        HEAD + "  - name: one\n    dump: {path: .}\n    checks: [\n"
        "      {row_count: {table: t, min: 1}}  # why\n    ]\n    deadline_minutes: 5\n"
    )

    merged = proposed.merged(text, "one", PROPOSALS)

    assert "      {row_count: {table: t, min: 1}},  # why\n" in merged
    assert merged.endswith("\n    ]\n    deadline_minutes: 5\n")
    assert len(specs(merged)) == 1 + len(PROPOSALS)


def test_what_is_added_to_one_target_is_not_added_to_the_one_that_an_alias_points_into():
    merged = proposed.merged(HEAD + WRITTEN["an alias at the end"], "one", PROPOSALS)

    assert set(specs(merged, 0)) == {"row count of t"}


def test_a_table_without_its_schema_is_the_one_of_the_schema_public():
    text = (
        HEAD + "  - name: one\n    dump: {path: .}\n    checks: [{row_count: {table: A, min: 7}}]\n"
    )

    new = proposed.unwritten(PROPOSALS, parsed(text).targets[0])

    assert "row_count" not in {p.kind for p in new}


def test_a_check_whose_name_is_taken_by_one_of_another_column_is_given_a_name_of_its_own():
    text = (
        HEAD + "  - name: one\n    dump: {path: .}\n"
        "    checks: [{freshness: {table: public.a, column: changed_at, max_age_hours: 7}}]\n"
    )
    keys = {"table": "public.a", "column": "created_at", "max_age_hours": 12}
    fresh_one = Proposal(kind="freshness", keys=keys, because="x")

    (new,) = proposed.unwritten([fresh_one], parsed(text).targets[0])

    merged = proposed.merged(text, "one", [new])
    assert set(specs(merged)) == {"freshness of public.a", "freshness of public.a by created_at"}


def test_what_is_true_of_a_whole_kind_is_said_once():
    floors = [
        Proposal(
            kind="row_count",
            keys={"table": f"public.{name}", "min": 5},
            because=f"{rows} rows tonight; half of them may go",
        )
        for name, rows in (("a", 10), ("b", 11))
    ]

    text = proposed.block(floors)

    assert [line.strip() for line in text.splitlines() if "#" in line] == [
        "# 10 rows tonight; half of them may go",
        "# 11 rows tonight",
    ]


def test_names_in_quotes_are_readable():
    floor = Proposal(
        kind="row_count", keys={"table": 'public."2019"', "min": 5}, because="10 rows tonight"
    )

    text = proposed.block([floor])

    assert "{table: 'public.\"2019\"', min: 5}" in text
    (spec,) = specs(proposed.merged(HEAD + WRITTEN["none"], "one", [floor])).values()
    assert spec.options["table"] == 'public."2019"'


def test_where_nothing_is_proposed_the_block_has_no_check_and_is_one():
    """It may be put into a file as it is."""
    assert yaml.safe_load(proposed.block(())) == {"checks": []}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one\n",
        "[one]\n",
        "version: 1\n",
        "targets: one\n",
        "targets: {name: one}\n",
        "targets: [one, {name: two}, {name: [one]}]\n",
    ],
)
def test_a_target_that_is_not_in_the_file_is_added_to_nothing(text):
    with pytest.raises(ConfigError, match="could not add checks to one"):
        proposed.merged(text, "one", PROPOSALS)


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
        (
            "  - &zero\n    name: zero\n    dump: {path: .}\n    checks: [{row_count: {table: t, min: 1}}]\n"
            "  - <<: *zero\n    name: one\n"
        ),
        "  - &one\n    name: one\n    dump: {path: .}\n  - <<: *one\n    name: two\n",
        (
            "  - &one\n    name: one\n    dump: {path: .}\n    checks: [{row_count: {table: t, min: 1}}]\n"
            "  - <<: [*one]\n    name: two\n"
        ),
    ],
)
def test_what_cannot_be_added_to_without_changing_more_is_refused(text):
    with pytest.raises(ConfigError, match="could not add checks to"):
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


def test_a_holiday_fails_nobody_who_rests_at_night_and_a_shorter_silence_is_a_warning():
    hours = [h for h in range(HOUR - 14 * 24, HOUR) if h % 24 in range(8, 18)]
    profile = Profile(tables=(table(hours=tuple(hours)),), taken_at=NOW)

    found = [p.keys for p in propose(profile) if p.kind == "freshness"]

    assert [(k["max_age_hours"], k.get("severity", "required")) for k in found] == [
        (15 + 48 + 6, "required"),
        (2 * 15 + 6, "warning"),
    ]


@pytest.mark.parametrize(
    ("name", "fresh_ones"), [("sent_at", 1), ("return_date", 0), ("due_on", 0), ("enddate", 0)]
)
def test_what_may_be_written_down_before_it_comes_is_not_to_be_fresh(name, fresh_ones):
    hours = tuple(range(HOUR - 14 * 24, HOUR))

    found = column_checks(100, "timestamptz", name=name, hours=hours)

    assert len(of_kind(found, "freshness")) == fresh_ones


def test_a_fortnight_has_fourteen_days():
    profile = Profile(tables=(table(hours=tuple(range(HOUR - 14 * 24, HOUR + 1))),), taken_at=NOW)

    (found,) = [p for p in propose(profile) if p.kind == "freshness"]

    assert found.because.startswith("new rows on 14 of the last 14 days")


def test_what_never_rests_keeps_no_holidays():
    assert fresh(range(HOUR - 14 * 24, HOUR)) == [12]


def test_a_column_that_moved_on_two_days_is_not_to_be_fresh():
    assert fresh([HOUR - 1, HOUR - 240]) == []


def test_a_column_of_the_future_is_not_to_be_fresh():
    assert fresh(range(HOUR, HOUR + 13 * 24)) == []


def reading(rows, newest, text="1"):
    values = {"rows": str(rows), PRINT: text, "newest:at": str(newest)}
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


def column_checks(rows=1_200, kind="text", name="channel", ordered=(), **more):
    column = ColumnProfile(name=name, type=kind, present=rows, **more)
    made = TableProfile(schema="public", name="t", rows=rows, columns=(column,), ordered=ordered)
    return [p for p in propose(Profile(tables=(made,), taken_at=NOW)) if p.kind != "row_count"]


def of_kind(found, kind):
    return [p.keys for p in found if p.kind == kind]


def test_what_few_rows_say_fails_no_night():
    few, many = (("a", 60), ("b", 60)), (("a", 600), ("b", 600))

    (quiet,) = of_kind(column_checks(120, values=few, name="status"), "accepted_values")
    (loud,) = of_kind(column_checks(1_200, values=many, name="status"), "accepted_values")
    (narrow,) = of_kind(column_checks(30, "int4", low=0, high=9), "range")

    assert (quiet["severity"], narrow["severity"]) == ("warning", "warning")
    assert "severity" not in loud


@pytest.mark.parametrize(
    ("name", "beside", "severity"),
    [
        ("orderStatus", "id", "required"),
        ("type", "city", "required"),
        ("state", "id", "required"),
        ("state", "postal_code", "warning"),
        ("signup_source", "id", "warning"),
        ("job_title", "id", "warning"),
    ],
)
def test_a_new_value_of_what_somebody_types_fails_no_night(name, beside, severity):
    values = (("a", 600), ("b", 600))
    columns = (
        ColumnProfile(name=name, type="text", present=1_200, values=values),
        ColumnProfile(name=beside, type="int4", present=1_200),
    )
    made = TableProfile(schema="public", name="t", rows=1_200, columns=columns)

    (found,) = of_kind(propose(Profile(tables=(made,), taken_at=NOW)), "accepted_values")

    assert found.get("severity", "required") == severity


@pytest.mark.parametrize("declared", [True, False])
def test_values_that_stand_in_another_table_are_not_listed_a_second_time(declared):
    column = ColumnProfile(
        name="dept_type", type="text", present=1_200, values=(("a", 600), ("b", 600))
    )
    own = TableProfile(
        schema="public",
        name="t",
        rows=1_200,
        columns=(column,),
        pointing=("dept_type",) if declared else (),
    )
    other = TableProfile(schema="public", name="dept_types", rows=2, keys=(("dept_type",),))
    found_out = ReferenceProfile(
        table=own, columns=("dept_type",), to=other, to_columns=("dept_type",), rows=1_200
    )

    found = propose(
        Profile(tables=(own, other), references=() if declared else (found_out,), taken_at=NOW)
    )

    assert of_kind(found, "accepted_values") == []


def test_two_words_in_a_column_of_kinds_are_nobodys_name():
    values = (("Movie", 600), ("Tv Show", 600))

    assert of_kind(column_checks(values=values, name="type"), "accepted_values")
    assert of_kind(column_checks(values=values, name="channel"), "accepted_values") == []


def test_years_have_the_room_of_years():
    (years,) = of_kind(
        column_checks(kind="int4", name="release_year", low=1925, high=2021), "range"
    )
    (yearly,) = of_kind(column_checks(kind="int4", name="years", low=0, high=2021), "range")

    assert (years["min"], years["max"]) == (1829, 2121)
    assert (yearly["min"], yearly["max"]) == (0, 30_000)


@pytest.mark.parametrize(
    ("name", "lowest"), [("unit_price", 0), ("surfaceArea", 0), ("reading", -300)]
)
def test_a_float_that_counts_or_costs_is_not_below_zero(name, lowest):
    (found,) = of_kind(column_checks(kind="float8", name=name, low=1, high=30), "range")

    assert (found["min"], found["max"]) == (lowest, 300)


def test_the_name_of_a_check_lists_no_dozen_columns():
    columns = tuple(ColumnProfile(name=n, type="text", present=200) for n in "abcdefg")
    made = TableProfile(schema="public", name="t", rows=200, columns=columns)

    (found,) = of_kind(propose(Profile(tables=(made,), taken_at=NOW)), "query")

    assert found["name"] == "a, b, c and 4 more columns of public.t filled as before"


def test_one_earlier_night_with_the_same_count_is_no_evidence_worth_a_line():
    made = TableProfile(schema="public", name="t", rows=500)

    def told(*counts):
        nights = [
            NightProfile(taken_at=NOW, rows={"public.t": n}, prints={}, newest={}) for n in counts
        ]
        return propose(Profile(tables=(made,), taken_at=NOW), nights)[0].because

    assert told(500) == told()
    assert told(480, 490).endswith("; 480 to 490 in 2 earlier nights")


def test_a_handful_of_rows_may_go():
    def floors(rows):
        made = TableProfile(schema="public", name="t", rows=rows)
        return of_kind(propose(Profile(tables=(made,), taken_at=NOW)), "row_count")

    assert floors(5) == [{"table": "public.t", "min": 2, "severity": "warning"}]
    assert floors(50) == [{"table": "public.t", "min": 25}]


@pytest.mark.parametrize(
    ("name", "rows", "severity"),
    [("id", 500, "required"), ("id", 30, "warning"), ("code", 500, "warning")],
)
def test_values_that_differ_tonight_are_a_key_only_where_there_are_many_and_the_name_says_so(
    name, rows, severity
):
    made = TableProfile(schema="public", name="t", rows=rows, distinct=(name,))

    (found,) = of_kind(propose(Profile(tables=(made,), taken_at=NOW)), "unique")

    assert found.get("severity", "required") == severity


@pytest.mark.parametrize(("rows", "severity"), [(30, "warning"), (300, "required")])
def test_what_holds_of_few_rows_only_is_a_warning(rows, severity):
    columns = (ColumnProfile(name="city_code", type="int4", present=rows),)
    made = TableProfile(
        schema="public", name="t", rows=rows, columns=columns, ordered=(("start", "stop"),)
    )
    to = TableProfile(schema="public", name="cities", rows=9, keys=(("code",),))
    reference = ReferenceProfile(
        table=made, columns=("city_code",), to=to, to_columns=("code",), rows=rows
    )

    found = propose(Profile(tables=(made,), references=(reference,), taken_at=NOW))

    (pointing,) = of_kind(found, "references")
    (order,) = [k for k in of_kind(found, "query") if "not after" in k["name"]]
    assert {k.get("severity", "required") for k in (pointing, order)} == {severity}


@pytest.mark.parametrize(
    ("name", "severity"), [("view_count", "warning"), ("discount", "required")]
)
def test_what_counts_up_may_be_ten_times_as_much_in_a_month(name, severity):
    (young,) = of_kind(column_checks(150, "int4", name=name, low=1, high=7), "range")
    (old,) = of_kind(column_checks(1_500, "int4", name=name, low=1, high=7), "range")

    assert young.get("severity", "required") == severity
    assert "severity" not in old


def test_an_average_is_a_warning_and_has_room_for_how_well_it_is_known():
    numbers = {"kind": "int4", "low": 1.0, "high": 9_000.0, "mean": 100.0}

    shifts = [
        of_kind(column_checks(deviation=deviation, **numbers), "distribution")
        for deviation in (10.0, 150.0, 9_000.0)
    ]

    assert [[(k["max_shift"], k["severity"]) for k in found] for found in shifts] == [
        [("20%", "warning")],
        [("50%", "warning")],
        [],
    ]


@pytest.mark.parametrize(
    "name", ["InvoiceId", "tag_id", "id", "order_no", "customerNr", "productid", "ORDERID"]
)
def test_numbers_that_stand_for_something_else_are_neither_large_nor_small(name):
    assert of_kind(column_checks(kind="int4", name=name, low=1, high=9), "range") == []


@pytest.mark.parametrize("name", ["paid", "amount_paid", "amountPaid", "highest_bid"])
def test_words_that_end_like_an_identifier_are_numbers_all_the_same(name):
    assert of_kind(column_checks(kind="int4", name=name, low=1, high=9), "range")


def test_times_that_later_events_set_anew_are_before_nothing():
    pairs = (("updated_at", "deleted_at"), ("lastLogin", "closed_at"), ("created_at", "closed_at"))

    found = [p.keys["name"] for p in column_checks(ordered=pairs) if p.kind == "query"]

    assert [name for name in found if "not after" in name] == [
        "created_at of public.t not after closed_at"
    ]


def test_what_is_planned_may_be_later_than_the_last_change_and_things_may_be_late():
    pairs = (
        ("created_at", "updated_at"),
        ("sell_start", "modifieddate"),
        ("start", "end"),
        ("shipped_on", "required_on"),
        ("ordered_on", "required_on"),
    )

    found = {k["name"]: k.get("severity") for k in of_kind(column_checks(ordered=pairs), "query")}

    assert found == {
        "created_at of public.t not after updated_at": None,
        "sell_start of public.t not after modifieddate": "warning",
        "start of public.t not after end": None,
        "shipped_on of public.t not after required_on": "warning",
        "ordered_on of public.t not after required_on": None,
        "channel of public.t filled as before": None,
    }


def test_where_nothing_new_comes_any_more_the_newest_is_to_stay_with_room_for_one_that_stands_alone():
    day = 86_400
    low, asleep = NOW.timestamp() - 900 * day, NOW.timestamp() - 100 * day

    found = column_checks(kind="timestamptz", low=low, high=asleep)
    awake = column_checks(kind="timestamptz", low=low, high=NOW.timestamp() - 80 * day)

    daily = tuple(int(asleep // 3_600) - 24 * n for n in reversed(range(10)))
    series = column_checks(150, "timestamptz", low=low, high=asleep, hours=daily)
    (exact,) = [k for k in of_kind(series, "query") if k["name"].endswith("still there")]
    assert f"< '{datetime.fromtimestamp(asleep, UTC).date()}'" in exact["sql"]

    (kept,) = [k for k in of_kind(found, "query") if k["name"].endswith("still there")]
    until = datetime.fromtimestamp(asleep - 2 * day, UTC).date()
    assert f"having max(\"channel\") < '{until}'" in kept["sql"]
    assert kept["severity"] == "warning"
    assert [k for k in of_kind(awake, "query") if k["name"].endswith("still there")] == []


def test_times_of_long_ago_may_be_of_longer_ago():
    years = 365 * 86_400
    low, high = NOW.timestamp() - 40 * years, NOW.timestamp() - 20 * years
    moving = tuple(range(HOUR - 14 * 24, HOUR))

    (old,) = of_kind(column_checks(kind="date", low=low, high=high), "range")
    (new,) = of_kind(
        column_checks(kind="date", low=low, high=NOW.timestamp(), hours=moving), "range"
    )

    assert (old["min"], new["min"]) == ("1966-03-14", "1986-03-09")


def keyed(schema, name, *columns):
    made = tuple(ColumnProfile(name=c, type="int4", present=500) for c in ("id", *columns))
    return TableProfile(schema=schema, name=name, rows=500, columns=made, keys=(("id",),))


def pointed(*tables):
    return [(t.full_name, c.name, to.full_name) for t, c, to, _ in candidates(tables)]


def test_a_table_points_to_that_of_its_own_schema_and_not_to_another_tenants():
    tenants = [
        made
        for schema in ("acme", "globex", "initech")
        for made in (keyed(schema, "deals", "plan_id"), keyed(schema, "calls", "deal_id"))
    ]

    found = pointed(*tenants[:-2], keyed("initech", "calls", "deal_id"), keyed("public", "plans"))

    assert found == [
        ("acme.deals", "plan_id", "public.plans"),
        ("acme.calls", "deal_id", "acme.deals"),
        ("globex.deals", "plan_id", "public.plans"),
        ("globex.calls", "deal_id", "globex.deals"),
    ]
