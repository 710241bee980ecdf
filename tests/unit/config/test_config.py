"""restorecheck.yaml: what it means, and what is said of one that means nothing."""

import contextlib
import os
import pwd
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from restorecheck import config as configuration
from restorecheck.config import fields, files
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.passwords import plain_password_arguments
from restorecheck.config.problems import findings_of
from restorecheck.config.server_url import MalformedUrlError, parse_server_url
from restorecheck.config.sources.dump import Dump
from restorecheck.errors import ConfigError
from restorecheck.hosts.sources.dump import max_age_of
from restorecheck.model import Severity

HERE = Path("/etc/restorecheck")
ENVIRONMENT = {"HOME": "/home/me"}


def parse(text, *, directory=HERE, **environment):
    return configuration.parse(
        text, file="r.yaml", directory=directory, environment={**ENVIRONMENT, **environment}
    )


def problems(text, **options):
    with pytest.raises(ConfigError) as caught:
        parse(text, **options)
    assert all(problem.file == "r.yaml" for problem in caught.value.problems)
    return [str(problem).removeprefix("r.yaml:") for problem in caught.value.problems]


def problem(text, **options):
    (only,) = problems(text, **options)
    return only


def target(keys="", *, dump="", top=""):
    """A valid file but for what is put in; `keys` begin on line 5, those of `dump` on line 5 too."""
    lines = ["version: 1", "targets:", "  - name: a", "    dump:", *_indented(dump, 6)]
    return "\n".join([*lines, "      path: /b", *_indented(keys, 4), *_indented(top, 0)])


def _indented(text, by):
    return [" " * by + line for line in text.splitlines()]


def check(text):
    (only,) = parse(target(f"checks:\n  - {text}")).targets[0].check_specs()
    return only


def check_problem(text):
    return problem(target(f"checks:\n  - {text}"))


# What a good file means


def test_utc_is_known_where_no_time_zone_database_is_installed(monkeypatch):
    def nothing_installed(name):
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(fields, "ZoneInfo", nothing_installed)

    assert parse(target("timezone: UTC")).targets[0].timezone == "UTC"
    assert "expected a time zone" in problem(target("timezone: Europe/Berlin"))


def test_smallest_file_has_defaults_for_everything_else():
    config = parse(target())

    (only,) = config.targets
    assert (only.name, only.dump.path, only.checks, only.databases) == ("a", "/b", (), None)
    assert (only.schedule, only.timezone, only.deadline_minutes) == (None, "UTC", 240)
    assert only.max_proof_age_hours == 30
    assert (only.objectives.rpo_hours, only.objectives.rto_minutes) == (None, None)
    assert (only.dump.decrypt, only.dump.max_age_hours, only.dump.jobs) == (None, None, None)
    assert (only.dump.ignore_extensions, only.dump.into) == ((), None)
    assert (config.scratch_servers, config.notify, config.secrets) == ((), (), ())
    assert config.postgres.model_dump() == dict.fromkeys(
        ("bin_dir", "run_as", "work_dir", "cache_dir", "jobs")
    ) | {"nice": 0, "require_fence": False}


def test_targets_inherit_defaults_and_override_each_key():
    defaults = (
        "defaults:\n"
        "  schedule: 15 3 * * *\n"
        "  timezone: Europe/Berlin\n"
        "  deadline_minutes: 60\n"
        "  max_proof_age_hours: 48\n"
        "  objectives: {rpo_hours: 24, rto_minutes: 60}\n"
    )
    own = "schedule: '0 4 * * MON-FRI'\ndeadline_minutes: 90\nobjectives: {rpo_hours: 1}"

    inheriting = parse(target(top=defaults)).targets[0]
    overriding = parse(target(own, top=defaults)).targets[0]

    assert (inheriting.schedule, inheriting.timezone) == ("15 3 * * *", "Europe/Berlin")
    assert (inheriting.deadline_minutes, inheriting.max_proof_age_hours) == (60, 48.0)
    assert (inheriting.objectives.rpo_hours, inheriting.objectives.rto_minutes) == (24, 60)
    assert (overriding.schedule, overriding.timezone) == ("0 4 * * MON-FRI", "Europe/Berlin")
    assert overriding.deadline_minutes == 90
    assert (overriding.objectives.rpo_hours, overriding.objectives.rto_minutes) == (1, 60)


def test_each_objective_has_a_weight_of_its_own():
    text = target("objectives: {rpo_hours: 2, rto_minutes: 30, rto_severity: required}")
    (only,) = parse(text).targets

    wanted = {o.kind.value: (o.limit, o.severity.value) for o in only.objectives.wanted()}

    assert wanted == {
        "rpo": (timedelta(hours=2), "warning"),
        "rto": (timedelta(minutes=30), "required"),
    }


def test_target_can_have_no_schedule_although_there_is_a_default_one():
    config = parse(target("schedule: null", top="defaults: {schedule: 1 2 3 4 5}"))

    assert config.targets[0].schedule is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dumps", "/etc/restorecheck/dumps"),
        ("./dumps/*.dump", "/etc/restorecheck/dumps/*.dump"),
        ("../dumps", "/etc/restorecheck/../dumps"),
        ("~/dumps", "/home/me/dumps"),
        ("/var/dumps", "/var/dumps"),
        ("${DIR}/dumps", "/mnt/dumps"),
    ],
)
def test_paths_are_absolute_and_start_from_the_configuration_file(written, meant):
    text = target(dump="ignore_extensions: []").replace("/b", written)
    postgres = (
        f"\npostgres: {{bin_dir: '{written}', work_dir: '{written}', cache_dir: '{written}'}}"
    )

    config = parse(text + postgres + f"\nhistory: {{path: '{written}'}}", DIR="/mnt")

    assert config.targets[0].dump.path == meant
    assert config.history.path == meant
    assert {config.postgres.bin_dir, config.postgres.work_dir, config.postgres.cache_dir} == {meant}


def test_history_is_kept_in_the_state_directory_of_the_user():
    default = "/home/me/.local/state/restorecheck/history.sqlite"

    assert parse(target()).history.path == default
    assert parse(target(), XDG_STATE_HOME="/s").history.path == "/s/restorecheck/history.sqlite"
    assert parse(target(), XDG_STATE_HOME="relative").history.path == default
    assert parse(target(top="history: {}")).history.path == default


def test_whole_numbers_are_accepted_for_fractions():
    assert parse(target(dump="max_age_hours: 26")).targets[0].dump.max_age_hours == 26.0


def test_configuration_is_frozen():
    config = parse(target())

    with pytest.raises(ValidationError, match="frozen"):
        config.targets[0].name = "b"


# Checks


def test_row_count_becomes_a_check_spec_with_only_the_bounds_that_are_given():
    spec = check("row_count: {table: public.answers, min: 1_000_000}")

    assert (spec.name, spec.kind) == ("row count of public.answers", "row_count")
    assert spec.options == {"table": "public.answers", "min": 1_000_000}
    assert (spec.severity, spec.timeout) == (Severity.REQUIRED, timedelta(seconds=300))
    assert (spec.database, spec.built_in) == ("", False)


def test_check_spec_carries_name_severity_timeout_and_database():
    spec = check(
        "row_count: {table: t, equals: 0, name: n, severity: warning, timeout_seconds: 5, database: d}"
    )

    assert (spec.name, spec.severity, spec.timeout) == ("n", Severity.WARNING, timedelta(seconds=5))
    assert (spec.database, spec.options) == ("d", {"table": "t", "equals": 0})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{equals: true}", {"equals": True}),
        ("{equals: 1}", {"equals": 1}),
        ("{equals: 1.5}", {"equals": 1.5}),
        ("{equals: null}", {"equals": None}),
        ("{equals: 2026-01-01}", {"equals": "2026-01-01"}),
        ("{equals: 2026-01-01 03:15:00}", {"equals": "2026-01-01 03:15:00"}),
        ("{equals: 12:30:00}", {"equals": "12:30:00"}),
        ("{equals: 0170}", {"equals": "0170"}),
        ("{equals: 0x10}", {"equals": 16}),
        ("{between: [1, 2.5]}", {"between": [1, 2.5]}),
        ("{between: [2026-01-01, 2026-12-31]}", {"between": ["2026-01-01", "2026-12-31"]}),
        ("{at_least: 3}", {"at_least": 3}),
        ("{at_most: 2026-01-01}", {"at_most": "2026-01-01"}),
        ("{not_empty: true}", {"not_empty": True}),
        ("{empty: true}", {"empty": True}),
        ("not_empty", {"not_empty": True}),
        ("empty", {"empty": True}),
        ("{rows: 0}", {"rows": 0}),
    ],
)
def test_expectation_of_a_query_becomes_json(written, meant):
    spec = check(f"query: {{name: n, sql: select 1, expect: {written}}}")

    assert (spec.name, spec.kind) == ("n", "query")
    assert spec.options == {"sql": "select 1", "expect": meant}
    assert type(next(iter(spec.options["expect"].values()))) is type(next(iter(meant.values())))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "row_count: {table: t}",
            "row_count: expected at least one of min, max, equals, max_drop and max_growth, found none",
        ),
        (
            "row_count: {table: t, min: 2, max: 1}",
            "row_count: min 2 is greater than max 1",
        ),
        (
            "row_count: {table: t, min: 2, equals: 2}",
            "row_count: expected either equals or min and max, found both",
        ),
        (
            "row_count: {table: t, min: -1}",
            "row_count.min: expected a number not less than 0, found -1",
        ),
        ("row_count: {table: t, min: 1.5}", "row_count.min: expected a whole number, found 1.5"),
        ("row_count: {table: t, min: true}", "row_count.min: expected a whole number, found true"),
        ("row_count: {min: 1}", "row_count: missing key 'table'"),
        (
            "row_count: {table: a.b.c, min: 1}",
            "row_count.table: expected table or schema.table, found the text 'a.b.c'",
        ),
        ("row_count: 3", "row_count: expected a mapping, found 3"),
        ("{}", "expected one kind of check, found none"),
        ("row_count:", "expected one kind of check, found none"),
        (
            "{row_count: {table: t, min: 1}, query: {name: n, sql: s, expect: empty}}",
            "expected one kind of check, found row_count and query",
        ),
        ("rowcount: {}", "unknown key 'rowcount'; did you mean 'row_count'?"),
        (
            "freshnes: {}",
            "unknown key 'freshnes'; did you mean 'freshness'?",
        ),
        ("range: {table: t, column: c}", "range: expected at least one of min and max, found none"),
        (
            "unique: {table: t, columns: []}",
            "unique.columns: expected at least one item, found an empty list",
        ),
        (
            "references: {table: t, columns: [a], to: u, to_columns: [a, b]}",
            "references: expected as many to_columns as columns",
        ),
        (
            "row_count: {table: t, max_drop: a lot}",
            "row_count.max_drop: expected a percentage such as 5% or a fraction such as 0.05, found the text 'a lot'",
        ),
    ],
)
def test_check_that_asks_nothing_sensible_is_refused(written, said):
    assert check_problem(written).removeprefix("7: targets[0].checks[0]").lstrip(".: ") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("something", ": expected a mapping, not_empty or empty, found the text 'something'"),
        ("true", ": expected a mapping, found true"),
        (
            "{}",
            (
                ": expected exactly one of equals, between, at_least, at_most, not_empty, empty, rows, "
                "found none"
            ),
        ),
        (
            "{rows: 1, empty: true}",
            (
                ": expected exactly one of equals, between, at_least, at_most, not_empty, empty, rows, "
                "found empty, rows"
            ),
        ),
        ("{equal: 1}", ": unknown key 'equal'; did you mean 'equals'?"),
        ("{equals: [1]}", ".equals: expected a single value, found a list"),
        ("{equals: .nan}", ".equals: expected a finite number, found nan"),
        ("{rows: -1}", ".rows: expected a number not less than 0, found -1"),
        ("{rows: null}", ": expected a value for rows, found nothing"),
        ("{between: 3}", ".between: expected a list, found 3"),
        ("{between: [1]}", ".between: expected two values, [low, high], found 1"),
        ("{between: [2, 1]}", ": no value lies between 2 and 1; expected [low, high]"),
        ("{between: [2, b]}", ": expected two numbers or two texts in between, found one of each"),
        (
            "{between: [2, true]}",
            ".between[1]: expected a number, or a date or time as text, found true",
        ),
        ("{not_empty: false}", ".not_empty: expected true, found false"),
        ("{not_empty: 1}", ".not_empty: expected true, found 1"),
    ],
)
def test_expectation_that_cannot_be_judged_is_refused(written, said):
    found = check_problem(f"query: {{name: n, sql: s, expect: {written}}}")

    assert found == f"7: targets[0].checks[0].query.expect{said}"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("severity: warn", "severity: expected 'required' or 'warning', found the text 'warn'"),
        ("timeout_seconds: 0", "timeout_seconds: expected a number not less than 1, found 0"),
        (
            "timeout_seconds: 86401",
            "timeout_seconds: expected a number not greater than 86400, found 86401",
        ),
        ("database: ' '", "database: expected a text, found an empty one"),
    ],
)
def test_common_keys_of_checks_are_validated(key, said):
    found = check_problem(f"query: {{name: n, sql: s, expect: empty, {key}}}")

    assert found == f"7: targets[0].checks[0].query.{said}"


def test_two_checks_of_one_name_are_refused_with_both_lines():
    text = target(
        "checks:\n"
        "  - row_count: {table: t, min: 1}\n"
        "  - query:\n"
        "      name: row count of t\n"
        "      sql: select 1\n"
        "      expect: empty\n"
    )

    assert problem(text) == (
        "9: targets[0].checks[1].query.name: the name 'row count of t' is taken by the check on "
        "line 7; give this check another name"
    )


def test_two_checks_that_would_be_given_one_name_are_refused_since_both_would_have_one_answer():
    text = target(
        "checks:\n"
        "  - freshness: {table: t, column: created_at, max_age_hours: 30}\n"
        "  - freshness: {table: t, column: paid_at, max_age_hours: 1}\n"
        "  - freshness: {table: t, column: sent_at, max_age_hours: 1, name: newest post of t}\n"
    )

    assert problem(text) == (
        "8: targets[0].checks[1].freshness.name: the name 'freshness of t' is taken by the check on "
        "line 7; give this check another name"
    )


def test_check_cannot_have_the_name_of_a_built_in_one():
    found = check_problem("query: {name: the server answers, sql: s, expect: empty}")

    assert found.endswith("'the server answers' is the name of a built-in check")


# Targets


def test_two_targets_of_one_name_are_refused_with_both_lines():
    text = target() + "\n  - dump: {path: /c}\n    name: a"

    assert problem(text) == (
        "7: targets[1].name: the name 'a' is taken by the target on line 3; names are unique"
    )


@pytest.mark.parametrize("name", ["-a", "", "a_b", "a b", "ä", "a" * 41, "'a\n\n  '"])
def test_target_names_are_letters_digits_and_hyphens(name):
    found = problem(target().replace("name: a", f"name: '{name.strip(chr(39))}'"))

    assert "expected 1 to 40 letters, digits and hyphens, beginning with a letter or digit" in found


@pytest.mark.parametrize("name", ["a", "7-courses", "a" * 40, "A-1-"])
def test_good_target_names_are_accepted(name):
    assert parse(target().replace("name: a", f"name: {name}")).targets[0].name == name


def test_text_that_yaml_takes_for_something_else_is_to_be_quoted():
    said = problems(target("databases: [on, 12]"))

    assert said == [
        "6: targets[0].databases[0]: expected a text, found true; put quotes around it",
        "6: targets[0].databases[1]: expected a text, found 12; put quotes around it",
    ]


def test_target_without_a_source_is_refused_once():
    assert problem("version: 1\ntargets:\n  - name: a") == (
        "3: targets[0]: missing source: expected one of these keys: dump, physical, rds, aurora, adopt"
    )


def test_target_with_two_sources_is_refused_once():
    said = [text for text in problems(target("rds: {}")) if "one kind" in text]

    assert said == [
        "6: targets[0]: expected one kind of source, found dump and rds; write one target for each"
    ]


@pytest.mark.parametrize("kind", ["dump", "rds"])
def test_source_without_anything_in_it_is_refused(kind):
    said = problems(f"version: 1\ntargets:\n  - name: a\n    {kind}:")

    assert said == [f"4: targets[0].{kind}: expected a mapping, found nothing"]


def test_misspelled_source_is_one_problem():
    assert problem("version: 1\ntargets:\n  - {name: a, dmup: {path: x}}") == (
        "3: targets[0]: unknown key 'dmup'; did you mean 'dump'?"
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("schedule: '@daily'", "expected five cron fields"),
        ("schedule: 15 25 * * *", "which has a wrong hour"),
        ("schedule: 15 3 31 2 *", "which has a wrong day-of-month"),
        ("schedule: 1 2 3 4", "expected five cron fields"),
        ("schedule: 1 2 3 4 $(x)", "expected five cron fields"),
        (
            "timezone: Europe/Berln",
            (
                "timezone: expected a time zone such as 'Europe/Berlin', found the text 'Europe/Berln'; "
                "did you mean 'Europe/Berlin'?"
            ),
        ),
        ("timezone: ../../etc/passwd", "expected a time zone"),
        ("timezone: Europe", "expected a time zone"),
        ("timezone: ''", "expected a time zone such as 'Europe/Berlin', found an empty text"),
        ("deadline_minutes: 0", "deadline_minutes: expected a number greater than 0, found 0"),
        ("deadline_minutes: 9999999999", "expected a number not greater than 527040"),
        ("max_proof_age_hours: '30'", "expected a number, found the text '30'"),
        ("max_proof_age_hours: .inf", "expected a finite number, found inf"),
        ("objectives: {rpo: 1}", "objectives: unknown key 'rpo'; did you mean 'rpo_hours'?"),
        ("objectives: {rto_minutes: -1}", "expected a number greater than 0, found -1"),
        ("objectives:", "objectives: expected a mapping, found nothing"),
    ],
)
def test_defaults_and_their_overrides_are_validated_alike(key, said):
    on_target = problem(target(key))
    in_defaults = problem(target(top=f"defaults:\n  {key}"))

    assert on_target.startswith("6: targets[0].")
    assert in_defaults.startswith("7: defaults.")
    assert said in on_target
    assert said in in_defaults


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("max_age_hours: 26h", "dump.max_age_hours: expected a number, found the text '26h'"),
        ("max_age_hours: 0", "dump.max_age_hours: expected a number greater than 0, found 0"),
        ("jobs: 0", "dump.jobs: expected a number not less than 1, found 0"),
        ("ignore_extensions: postgis", "expected a list, found the text 'postgis'"),
        ("decrypt: []", "dump.decrypt: expected at least one item, found an empty list"),
        ("decrypt: [age, 1]", "dump.decrypt[1]: expected a text, found 1; put quotes around it"),
        ("decrypt: age -d", "dump.decrypt: expected a list with one item per argument"),
        ("decrypt: {a: b}", "dump.decrypt: expected a list, found a mapping"),
    ],
)
def test_keys_of_a_dump_are_validated(keys, said):
    found = problem(target(dump=keys))

    assert found.startswith("5: targets[0].")
    assert said in found


def test_empty_lists_where_one_item_is_needed_are_refused():
    assert problem(target("databases: []")).endswith("found an empty list")
    assert problem("version: 1\ntargets: []") == (
        "2: targets: expected at least one item, found an empty list"
    )


# Servers to restore into


def test_restoring_into_a_marked_server_keeps_the_password_out_of_sight():
    dump = "into: postgresql://u:${PW}@Scratch.example/db?sslmode=require"

    config = parse(
        target(dump=dump, top="scratch_servers: ['scratch.Example:5432']"), PW="hunter22"
    )

    into = config.targets[0].dump.into
    assert into.get_secret_value() == "postgresql://u:hunter22@Scratch.example/db?sslmode=require"
    assert parse_server_url(into.get_secret_value()).server == "scratch.example:5432"
    assert config.scratch_servers == ("scratch.example:5432",)
    assert "hunter22" not in repr(config) + str(config)
    assert config.secrets == ("hunter22",)


def test_server_that_is_not_marked_as_scratch_is_refused_with_the_way_to_mark_it():
    top = "scratch_servers: [other:5432, 'prod:5433']"

    found = problem(target(dump="into: postgresql://prod/db", top=top))

    assert found.startswith("5: targets[0].dump.into: prod:5432 is not marked as a scratch server")
    assert "would overwrite a production server" in found
    assert "scratch_servers" in found


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgres://h", "h:5432"),
        ("postgresql://u@H:5433/db", "h:5433"),
        ("postgresql://[::1]:5433/", "[::1]:5433"),
        ("postgresql://%2Fvar%2Frun:5433/db", "/var/run:5433"),
        ("postgresql:///db?host=/var/run/&port=5433", "/var/run:5433"),
        ("postgresql://u:p%40x@h/db?connect_timeout=3", "h:5432"),
    ],
)
def test_server_of_a_url_is_what_libpq_would_connect_to(url, server):
    assert parse_server_url(url).server == server


@pytest.mark.parametrize(
    "url",
    [
        "h:5432",
        "mysql://h/db",
        "http://h",
        "host=h dbname=x",
        "postgresql://",
        "postgresql:///db",
        "postgresql://u@scratch:5432@prod/db",
        "postgresql://scratch:5432/db?host=prod",
        "postgresql://scratch:5432/db?%68ost=prod",
        "postgresql://scratch:5432/db?port=1",
        "postgresql://scratch/db?hostaddr=10.0.0.1",
        "postgresql://scratch/db?service=prod",
        "postgresql:///db?host=scratch&host=prod",
        "postgresql:///db?host=scratch,prod",
        "postgresql://scratch,prod/db",
        "postgresql://scratch%2Cprod/db",
        "postgresql://scratch/host%3Dprod",
        "postgresql://scratch/db#@prod",
        "postgresql://scratch:0/db",
        "postgresql://scratch:65536/db",
        "postgresql://scratch :1/db",
        "postgresql://scratch\n/db",
    ],
)
def test_url_that_could_lead_elsewhere_is_refused(url):
    with pytest.raises(MalformedUrlError):
        parse_server_url(url)


def test_malformed_url_is_never_shown():
    found = problem(target(dump="into: 'postgresql://u:${PW}@h@prod/x'"), PW="hunter22")

    assert "expected postgresql://user:${PASSWORD}@host:port/database" in found
    assert "hunter22" not in found


@pytest.mark.parametrize(
    "server", ["localhost", "h:0", "h:99999", "h:x", ":5432", "'*:5432'", "a b:1"]
)
def test_scratch_servers_name_host_and_port(server):
    found = problem(target(top=f"scratch_servers: ['{server.strip(chr(39))}']"))

    assert found.startswith("6: scratch_servers[0]: expected ")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter22@h:5432/db",
        "postgresql://u:hunter${PW}@h:5432/db",
        "postgresql://u:hunter22@${HOST}:5432/db",
        "postgresql://h:5432/db?password=hunter22",
        "postgresql://h:5432/db?sslpassword=hunter22",
        "postgresql://h:5432/db?pass%77ord=hunter22",
    ],
)
def test_password_in_plain_text_is_refused_and_not_repeated(url):
    text = target(dump=f"into: '{url}'", top="scratch_servers: ['h:5432']")

    said = problem(text, PW="22", HOST="h")

    assert said == (
        "5: targets[0].dump.into: the password is in the file in plain text; "
        "write ${VARIABLE} or ${file:/path} instead"
    )


@pytest.mark.parametrize("url", ["${URL}", "postgresql://${USERINFO}@h/", "postgresql://u@h"])
def test_url_without_a_written_password_is_accepted(url):
    text = target(dump=f"into: '{url}'", top="scratch_servers: ['h:5432']")

    config = parse(text, URL="postgresql://u:pppp@h", USERINFO="u:pppp")

    into = config.targets[0].dump.into
    assert parse_server_url(into.get_secret_value()).server == "h:5432"


@pytest.mark.parametrize(
    "arguments",
    [
        ["gpg", "--passphrase", "hunter22"],
        ["gpg", "--passphrase=hunter22"],
        ["x", "--password", "hunter22", "-d"],
        ["x", "--pass", "hunter22"],
        ["openssl", "-passin", "pass:hunter22"],
        ["openssl", "enc", "-pass", "hunter22"],
        ["openssl", "enc", "-k", "pass:hunter22"],
        ["sh", "-c", "gpg --passphrase hunter22 -d"],
        ["sh", "-c", "gpg --passphrase", "hunter22"],
    ],
)
def test_password_in_a_decrypt_command_is_refused_and_not_repeated(arguments):
    found = problem(target(dump=f"decrypt: {arguments}"))

    assert found.startswith("5: targets[0].dump.decrypt[")
    assert "a password is in the file in plain text" in found
    assert "hunter22" not in found


@pytest.mark.parametrize(
    "arguments",
    [
        ["gpg", "--passphrase", "${PW}"],
        ["gpg", "--passphrase=${PW}"],
        ["gpg", "--passphrase-file", "/run/secrets/p"],
        ["gpg", "--passphrase-fd", "0"],
        ["openssl", "-passin", "file:/run/secrets/p"],
        ["openssl", "-passin", "env:PW"],
        ["openssl", "-pass", "pass:${PW}"],
        ["openssl", "-pass", "stdin"],
        ["x", "--password", "--decrypt"],
        ["age", "--decrypt", "--identity", "/run/secrets/age.key"],
    ],
)
def test_decrypt_command_that_takes_its_password_from_elsewhere_is_accepted(arguments):
    config = parse(target(dump=f"decrypt: {arguments}"), PW="hunter22")

    assert len(config.targets[0].dump.decrypt) == len(arguments)
    assert "hunter22" not in repr(config)


def test_each_argument_with_a_password_is_told_once():
    told = plain_password_arguments(["--passphrase pass:a pass:b", "--pass", "c"])

    assert list(told) == [0, 2]


# PostgreSQL


@pytest.mark.parametrize("user", ["postgres", "root", "'0'"])
def test_server_user_that_could_reach_production_is_refused_with_the_reason(user):
    found = problem(target(top=f"postgres: {{run_as: {user}}}"))

    assert "6: postgres.run_as" in found
    assert "peer authentication would let it into a production server on this host" in found


def test_postgres_settings_are_kept():
    postgres = parse(target(top="postgres: {run_as: restorecheck, jobs: 64}")).postgres

    assert (postgres.run_as, postgres.jobs) == ("restorecheck", 64)
    assert "not greater than 64, found 65" in problem(target(top="postgres: {jobs: 65}"))


# References


def test_references_are_replaced_in_values_and_collected_as_secrets(tmp_path):
    (tmp_path / "key").write_text("line one\nabc\n")
    text = target(
        dump="decrypt: ['${A}-${A}', 'x${file:key}', '$${A}', '${EMPTY}', '${SHORT}']",
        keys="databases: ['${A}']",
    )

    config = parse(text, directory=tmp_path, A="pass%40word", EMPTY="", SHORT="abc")

    assert config.targets[0].dump.decrypt == (
        "pass%40word-pass%40word",
        "xline one\nabc",
        "${A}",
        "",
        "abc",
    )
    assert set(config.secrets) == {"pass%40word", "pass@word", "line one\nabc", "line one"}
    assert "pass%40word" not in repr(config.targets[0].dump)
    assert "secrets" not in config.model_dump()


def test_value_of_a_reference_is_not_looked_into_again():
    config = parse(target(dump="decrypt: ['${A}']"), A="${B} $${C}")

    assert config.targets[0].dump.decrypt == ("${B} $${C}",)


def test_keys_are_not_interpolated():
    assert "unknown key '${A}'" in problem(target("'${A}': 1"), A="checks")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${NOPE}", "${NOPE}: the environment variable is not set"),
        ("${file:nope}", "${file:nope} cannot be read: No such file or directory"),
        ("${file:}", "${file:} names no file"),
        ("${file:~nobody-here/x}", "${file:~nobody-here/x} cannot be read"),
        (
            "${a b}",
            "expected ${VARIABLE} or ${file:/path}, found '${a b}'; '$${' is a literal '${'",
        ),
        ("${open", "'${' without a closing '}'; write '$${' for a literal '${'"),
        ("${binary", "'${' without a closing '}'"),
        ("${file:binary}", "${file:binary} is not UTF-8 text"),
        ("${file:zero}", "${file:zero} contains a zero byte"),
        ("${file:large}", "${file:large} is larger than 64 KiB"),
        ("${file:.}", "${file:.} cannot be read: Is a directory"),
    ],
)
def test_reference_without_a_value_is_one_problem_with_its_line(tmp_path, written, said):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "zero").write_bytes(b"a\0b")
    (tmp_path / "large").write_bytes(b"a" * 70_000)

    found = problem(target(dump=f"into: '{written}'"), directory=tmp_path)

    assert found.startswith(f"5: targets[0].dump.into: {said}")


def test_interpolated_text_is_not_shown_in_problems():
    text = target("timezone: ${VALUE}\ndeadline_minutes: '${VALUE}'").replace(
        "name: a", "name: '_${VALUE}'"
    )

    said = problems(text, VALUE="hunter22")

    assert said == [
        (
            "3: targets[0].name: expected 1 to 40 letters, digits and hyphens, beginning with a letter or "
            "digit, found the text '_${VALUE}' (references always give text)"
        ),
        (
            "6: targets[0].timezone: expected a time zone such as 'Europe/Berlin', found the text "
            "'${VALUE}' (references always give text)"
        ),
        (
            "7: targets[0].deadline_minutes: expected a number, found the text '${VALUE}' "
            "(references always give text)"
        ),
    ]


def test_interpolated_names_and_servers_are_not_shown_in_problems():
    text = target("checks:\n" + "  - row_count: {table: '${VALUE}', min: 1}\n" * 2)
    text += "\n  - name: ${VALUE}\n    dump: {path: /x, into: 'postgresql://${VALUE}/'}"
    text += "\n  - name: ${VALUE}\n    dump: {path: /x}"

    said = problems(text, VALUE="hunter22")

    assert len(said) == 3
    assert "hunter22" not in "".join(said)
    assert "the name '${VALUE}' is taken by the target on line" in said[2]


# All problems at once


def test_every_problem_is_told_at_once_in_the_order_of_lines():
    text = """\
version: 2
defaults:
  deadline_minutes: 0
targets:
  - name: a
    chekcs: []
    dump:
      max_age_hours: 26h
      into: postgresql://prod/db
  - name: a
    dump: {path: 1, path: "${NOPE}"}
  - 7
nottify: []
"""

    said = problems(text)

    assert [line.split(" is not marked")[0] for line in said] == [
        "1: version: expected 1, found 2",
        "3: defaults.deadline_minutes: expected a number greater than 0, found 0",
        "6: targets[0]: unknown key 'chekcs'; did you mean 'checks'?",
        "7: targets[0].dump: missing key 'path'",
        "8: targets[0].dump.max_age_hours: expected a number, found the text '26h'",
        "9: targets[0].dump.into: prod:5432",
        "10: targets[1].name: the name 'a' is taken by the target on line 5; names are unique",
        "11: targets[1].dump.path: duplicate key 'path'; it is already set on line 11",
        "11: targets[1].dump.path: ${NOPE}: the environment variable is not set",
        "12: targets[2]: expected a mapping, found 7",
        "13: unknown key 'nottify'; did you mean 'notify'?",
    ]


def test_problems_never_show_what_pydantic_says():
    said = "".join(
        problems("version: 1\ntargets: [{name: 1, dump: 2, checks: 3, databases: {a: b}}]")
    )

    assert "pydantic" not in said
    assert "Input should" not in said


def test_long_text_is_cut_in_problems():
    found = problem(target(f"timezone: {'x' * 500}"))

    assert "x" * 60 + "…'" in found
    assert "x" * 61 not in found


def test_missing_keys_at_the_top_are_told():
    assert problems("postgres: {}") == ["1: missing key 'version'", "1: missing key 'targets'"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: true", "version: expected 1, found true"),
        ("version: '1'", "version: expected 1, found the text '1'"),
        ("version: 1.0", "version: expected 1, found 1.0"),
        ("version:", "version: expected 1, found nothing"),
        ("notify: [1]", "notify[0]: expected an Apprise URL or a mapping, found 1"),
        ("targets: {}", "targets: expected a list, found a mapping"),
        (
            "scratch_servers: [1]",
            "scratch_servers[0]: expected a text, found 1; put quotes around it",
        ),
    ],
)
def test_top_level_keys_are_validated(text, said):
    assert f"1: {said}" in problems(text)


# YAML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: the file is empty; `restorecheck config example` prints a file to start from"),
        ("# only a comment\n", "1: the file is empty"),
        ("---\n...\n", "1: the file is empty"),
        ("- a", "1: expected a mapping (`version: 1`, `targets: …`) at the top, found a list"),
        (
            "\n\nhello",
            "3: expected a mapping (`version: 1`, `targets: …`) at the top, found a single",
        ),
        ("a: 1\n---\nb: 1", "2: a second YAML document begins here; expected one document"),
        ("a: 1\nb: c: d", "2: not valid YAML: mapping values are not allowed in this context"),
        ("a: 1\n\tb: 1", "2: not valid YAML: found a tab character that violates indentation"),
        ("a:\n\t- b", "2: not valid YAML: a tab or a special character where a value begins"),
        ("a: @x", "1: not valid YAML: a tab or a special character where a value begins"),
        ("a: 1\nb: 'open\n", "3: not valid YAML: found unexpected end of stream while scanning"),
        ("a: *hunter22", "1: not valid YAML: an alias (*…) without its anchor (&…)"),
        ("a: 1\nb: \x07", "2: the character U+0007 is not allowed"),
        ("&a {x: *a}", "1: an alias refers to a value that contains the alias itself"),
        ("a: &x\n  <<: *x", "1: an alias refers to a value that contains the alias itself"),
        ("a: " + "[" * 60 + "]" * 60, "1: nested more than 50 levels deep"),
        ("[" * 900_000, "1: nested more than 50 levels deep"),
    ],
)
def test_text_that_is_no_document_is_one_problem_with_its_line(text, said):
    found = problem(text)

    assert found.startswith(said)
    assert "hunter22" not in found


def test_aliases_that_multiply_without_end_are_refused():
    bomb = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    assert "more than 150,000 values after the aliases are expanded" in problem("\n".join(bomb))


@pytest.mark.parametrize("text", ["a: 1\n" * 160_000, f"a: [{'b,' * 310_000}]"])
def test_values_without_number_are_refused_before_they_are_looked_at(text):
    assert problem(text).endswith("more than 150,000 values")


def test_merges_that_multiply_without_end_are_refused():
    bomb = ["a0: &a0 {k: 1}"]
    bomb += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]

    assert "more than 150,000 values after the aliases are expanded" in problem("\n".join(bomb))


def test_duplicate_keys_are_refused_with_both_lines_wherever_they_are():
    text = target(dump="jobs: 1\njobs: 2") + "\nversion: 1"

    assert problems(text) == [
        "6: targets[0].dump.jobs: duplicate key 'jobs'; it is already set on line 5",
        "8: version: duplicate key 'version'; it is already set on line 1",
    ]


def test_anchors_aliases_and_merge_keys_work():
    text = """\
version: 1
x-dump: &dump {path: /b, max_age_hours: 26, jobs: 2}
x-more: &more {jobs: 3, ignore_extensions: [postgis]}
x-checks: &checks
  - row_count: {table: t, min: 1}
targets:
  - name: a
    dump: {<<: *dump, jobs: 4}
    checks: *checks
  - name: b
    dump:
      <<: [*dump, *more]
    checks: *checks
"""

    first, second = parse(text).targets

    assert (first.dump.path, first.dump.jobs, first.dump.max_age_hours) == ("/b", 4, 26)
    assert (second.dump.jobs, second.dump.ignore_extensions) == (2, ("postgis",))
    assert first.check_specs() == second.check_specs()


def test_problem_in_merged_keys_has_the_line_on_which_it_is_written():
    text = "x-dump: &dump\n  path: /b\n  jobs: many\n" + target().replace("path: /b", "<<: *dump")

    assert problem(text).startswith("3: targets[0].dump.jobs: expected a whole number")


def test_only_mappings_can_be_merged():
    text = target().replace("path: /b", "{<<: [1], path: /b}")

    assert "expected a mapping, or a list of mappings, to merge" in problem(text)


@pytest.mark.parametrize(
    "value", ["!hunter22", "!!binary aGk=", "!!set {a}", "!!python/none x", "!x [a]"]
)
def test_tags_are_refused_and_not_repeated(value):
    found = problem(target(f"databases: {value}"))

    assert found.startswith("6: targets[0].databases: tags (!…) are not supported here")
    assert "hunter22" not in found


@pytest.mark.parametrize("value", ["!!int many", "!!bool maybe", "!!float x", "!!int ''"])
def test_tag_that_does_not_fit_its_value_is_refused(value):
    assert "does not fit its value" in problem(target(f"deadline_minutes: {value}"))


def test_explicit_text_tag_is_understood():
    assert parse(target("databases: [!!str 12]")).targets[0].databases == ("12",)


ALLOWED = (
    "name, dump, physical, rds, aurora, adopt, checks, after_verified, rehearse, databases, select, when_new, every, "
    "schedule, tier, timezone, jitter_minutes, misfire_grace_minutes, deadline_minutes, max_proof_age_hours, contact, "
    "objectives, suite, server, runs_on"
)


def test_keys_that_yaml_takes_for_other_types_are_shown_as_written():
    assert problems(target("on: 1\n1: 2\n~: 3")) == [
        f"{line}: targets[0]: unknown key '{key}'; allowed here: {ALLOWED}"
        for line, key in ((6, "on"), (7, "1"), (8, "~"))
    ]


def test_keys_that_are_no_text_are_refused():
    assert problem(target("? [a]\n: 1")) == (
        "6: targets[0]: expected a key that is a plain text, found a list or mapping"
    )


def test_bare_equals_sign_and_quoted_merge_key_are_text():
    assert parse(target("databases: [=, '<<']")).targets[0].databases == ("=", "<<")


# Files


def test_file_is_loaded_and_paths_start_from_its_directory(tmp_path):
    file = tmp_path / "restorecheck.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + target().replace("/b", "dumps").encode())

    config = configuration.load(file, ENVIRONMENT)

    assert config.targets[0].keys_of(Dump).path == str(tmp_path / "dumps")


def _load_problem(file):
    with pytest.raises(ConfigError) as caught:
        configuration.load(file, ENVIRONMENT)
    (only,) = caught.value.problems
    assert only.file == str(file)
    return only


def test_problems_of_a_file_name_it_and_say_what_to_do_next(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text("version: 1\ntargets: 3")

    with pytest.raises(ConfigError) as caught:
        configuration.load(file, ENVIRONMENT)

    assert str(caught.value) == f"{file}:2: targets: expected a list, found 3"
    assert "restorecheck config example" in caught.value.hint


def test_directory_in_place_of_a_file_is_told(tmp_path):
    assert _load_problem(tmp_path).message == "expected a file, found a directory"


def test_file_that_is_gone_is_told(tmp_path):
    assert "the file does not exist" in _load_problem(tmp_path / "gone.yaml").message


def test_file_behind_a_file_cannot_be_read(tmp_path):
    (tmp_path / "a").touch()

    assert _load_problem(tmp_path / "a" / "b").message == "the file cannot be read: Not a directory"


def test_file_without_permission_is_told(tmp_path):
    file = tmp_path / "r.yaml"
    file.touch(mode=0)

    with not_root():
        found = _load_problem(file)
    assert found.message == "the file cannot be read: Permission denied"


@contextlib.contextmanager
def not_root():
    """Root reads every file: for a moment it is somebody else."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(me)


def test_file_that_is_not_utf_8_is_told_with_the_line(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_bytes(b"version: 1\n# caf\xe9\n")

    found = _load_problem(file)

    assert (found.line, found.message) == (2, "expected UTF-8 text, found other bytes")


def test_file_that_is_too_large_is_refused(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_bytes(b"#" * (4 * 1024 * 1024 + 1))

    assert "larger than 4 MiB" in _load_problem(file).message


def test_links_that_lead_nowhere_or_in_circles_are_told(tmp_path):
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "gone.yaml").symlink_to("/nowhere/at/all")

    for name, said in (
        ("loop.yaml", "symbolic links"),
        ("gone.yaml", "the symbolic link points to no file"),
    ):
        found = configuration.locate(str(tmp_path / name), {})
        assert said in _load_problem(found).message


def test_pipe_into_which_nobody_writes_is_told_and_one_that_is_written_to_is_read(
    tmp_path, monkeypatch
):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with monkeypatch.context() as impatient:
        impatient.setattr(files, "PATIENCE", 0.2)

        assert "no data came within 0.2 s" in _load_problem(pipe).message
        silent = problem(target(f"databases: ['${{file:{pipe}}}']"))

    assert "no data came within 0.2 s" in silent
    writer = threading.Thread(target=pipe.write_text, args=("version: 1\n",))
    writer.start()
    assert _load_problem(pipe).message == "missing key 'targets'"
    writer.join()


def test_pipe_that_sends_piece_by_piece_without_an_end_is_told_and_one_with_an_end_is_read(
    tmp_path, monkeypatch
):
    """Each piece comes in time; their number is bounded all the same."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(files, "PIECES", 1)
    descriptor = os.open(pipe, os.O_RDWR)  # as a writer that never ends
    try:
        os.write(descriptor, b"version: 1\n")
        with pytest.raises(TimeoutError, match="pieces"):
            files.content_of(pipe, 100)
    finally:
        os.close(descriptor)
    monkeypatch.setattr(files, "PIECES", 2)
    writer = threading.Thread(target=pipe.write_text, args=("version: 1\n",))
    writer.start()
    assert files.content_of(pipe, 100) == b"version: 1\n"
    writer.join()


def test_device_without_an_end_is_too_large():
    assert "larger than 4 MiB" in _load_problem(Path("/dev/zero")).message


def test_empty_name_of_a_file_is_no_other_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "restorecheck.yaml").touch()

    assert configuration.locate("", {}) == Path()


def test_option_outranks_the_variable_which_outranks_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("option.yaml", "variable.yaml", "restorecheck.yaml"):
        (tmp_path / name).touch()
    variable = {"RESTORECHECK_CONFIG": "variable.yaml"}

    assert configuration.locate("option.yaml", variable) == Path("option.yaml")
    assert configuration.locate(None, variable) == Path("variable.yaml")
    assert configuration.locate(None, {}) == Path("restorecheck.yaml")
    assert configuration.locate(None, {"RESTORECHECK_CONFIG": ""}) == Path("restorecheck.yaml")


@pytest.mark.parametrize(
    ("option", "environment", "said"),
    [
        ("x.yaml", {}, "no configuration file: 'x.yaml' (named by -c)"),
        (
            None,
            {"RESTORECHECK_CONFIG": "y.yaml"},
            "no configuration file: 'y.yaml' (named by RESTORECHECK_CONFIG)",
        ),
        (None, {}, "no configuration file: 'restorecheck.yaml' (in the working directory"),
    ],
)
def test_missing_file_says_what_was_looked_for_and_what_to_do(
    tmp_path, monkeypatch, option, environment, said
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        configuration.locate(option, environment)

    (only,) = caught.value.problems
    assert said in only.message
    assert "restorecheck config example > restorecheck.yaml" in only.message


# What is published


def test_example_is_valid_and_names_the_schema_and_the_command_that_prints_it():
    text = configuration.example()

    config = parse(text)

    assert text.startswith("# yaml-language-server: $schema=restorecheck.schema.json\n")
    assert "restorecheck config schema" in text
    assert [spec.kind for spec in config.targets[0].check_specs()] == [
        "row_count",
        "query",
        "query",
    ]


def test_what_is_commented_out_in_the_example_is_valid_too():
    text = configuration.example()
    for key in ("decrypt", "ignore_extensions", "into", "databases", "postgres", "scratch_servers"):
        text = text.replace(f"# {key}:", f"{key}:")
    for key in ("run_as", "work_dir", "jobs"):
        text = text.replace(f"#   {key}:", f"  {key}:")

    environment = {"SCRATCH_PASSWORD": "hunter22"}
    config = parse(text, **environment)

    into = config.targets[0].dump.into
    assert parse_server_url(into.get_secret_value()).server == "scratch.internal:5432"
    assert config.postgres.jobs == 4


def test_schema_is_json_schema_and_accepts_the_example():
    schema = configuration.json_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(configuration.example()), schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "restorecheck.yaml"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 2, "targets": [{"name": "a", "dump": {"path": "x"}}]},
        {"version": 1, "targets": []},
        {"version": 1, "targets": [{"name": "a"}]},
        {"version": 1, "targets": [{"name": "a", "dump": {"path": "x"}, "chekcs": []}]},
        {"version": 1, "targets": [{"name": "a", "dump": {"path": "x"}, "checks": [{}]}]},
        {"version": 1, "targets": [{"name": "a", "dump": {"path": "x", "decrypt": []}}]},
    ],
)
def test_schema_refuses_what_the_models_refuse(document):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, configuration.json_schema())
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump(document))


def test_every_key_in_the_schema_is_described():
    schema = configuration.json_schema()

    undescribed = [
        key
        for model in _models(schema)
        for key, value in model.get("properties", {}).items()
        if not value.get("description")
    ]

    assert undescribed == []


def test_schema_promises_no_default_for_what_is_inherited():
    properties = configuration.json_schema()["$defs"]["WrittenTarget"]["properties"]

    assert "default" not in properties["timezone"]
    assert "default" not in properties["schedule"]


def _models(schema):
    for model in (schema, *schema["$defs"].values()):
        yield from model.get("anyOf", [model])


def test_importing_the_package_loads_neither_yaml_nor_pydantic():
    code = (
        "import sys, restorecheck.config; sys.exit(bool({'yaml', 'pydantic'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there_and_no_other():
    assert all(hasattr(configuration, name) for name in configuration.__all__)
    assert not hasattr(configuration, "nothing")


# Odd input


def test_zero_bytes_are_refused():
    assert problem(target(keys='databases: ["a\\0b"]')).endswith(
        "expected a text without zero bytes"
    )


def test_error_of_pydantic_without_words_of_ours_shows_no_value():
    class Other(BaseModel):
        day: date

    with pytest.raises(ValidationError) as caught:
        Other.model_validate({"day": "hunter22"})
    (finding,) = findings_of(caught.value, Other, Document(), leave_out=lambda *_: False)

    assert finding == ConfigFinding(
        ("day",), "this value is not valid (date from datetime parsing)"
    )


def test_number_that_is_too_large_is_one_problem():
    assert problem(target(f"max_proof_age_hours: {'9' * 400}")).startswith(
        "6: targets[0].max_proof"
    )


def test_path_that_cannot_even_be_looked_for_is_left_to_reading():
    assert configuration.locate("x" * 300, {}) == Path("x" * 300)


def test_command_with_several_problems_has_each_at_its_argument():
    text = target(dump="decrypt:\n  - 1\n  - --passphrase\n  - hunter22")

    assert [line.split(": ")[:2] for line in problems(text)] == [
        ["6", "targets[0].dump.decrypt[0]"],
        ["8", "targets[0].dump.decrypt[2]"],
    ]


def test_malformed_scratch_servers_do_not_hide_what_else_is_wrong():
    text = target(dump="into: postgresql://h/db", top="scratch_servers: [1, h, 'h:0']")

    assert len(problems(text)) == 4


# --- adopted targets --------------------------------------------------------------------------

ADOPT = """version: 1
aws: {ca_bundle: bundle.pem}
defaults: {schedule: "0 3 * * *"}
targets:
  - name: a
    adopt:
      db_instance_arn: arn:aws:rds:eu-west-1:111111111111:db:prod
      account_id: "111111111111"
      region: eu-west-1
      user: reader
      secret_arn: arn:aws:secretsmanager:eu-west-1:111111111111:secret:reader-AbCdEf
"""


def test_an_adopted_target_inherits_no_schedule():
    (read,) = parse(ADOPT).targets

    assert read.schedule is None
    assert read.adopt is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("db:prod", "snapshot:prod", "expected the ARN of a DB instance"),
        ("secret:reader-AbCdEf", "x", "expected the full ARN of a secret"),
        ("      secret_arn", "      # secret_arn", "credentials: secret needs secret_arn"),
        ("user: reader", "user: reader\n      credentials: iam", "only with credentials: secret"),
        (
            "    adopt:",
            "    schedule: 0 3 * * *\n    adopt:",
            "an adopted target cannot have a schedule",
        ),
        ("aws: {ca_bundle: bundle.pem}", "# no bundle", "needs the top-level key aws.ca_bundle"),
        ('"111111111111"', "111111111111", "the 12 digits of an account id in quotes"),
    ],
)
def test_what_is_wrong_with_an_adopted_target_is_said(old, new, said):
    assert old in ADOPT

    assert any(said in text for text in problems(ADOPT.replace(old, new, 1)))


# --- databases of dumps ---------------------------------------------------------------------------


def test_all_databases_are_no_list_of_names():
    assert parse(target("databases: all")).targets[0].databases == ("*",)
    assert parse(target("databases: [all]")).targets[0].databases == ("all",)
    assert "expected `all` or a list of names" in problem(target("databases: shop"))


@pytest.mark.parametrize("databases", ["all", "[shop, crm]"])
def test_a_scratch_server_takes_one_database(databases):
    scratch = "scratch_servers: ['h:5432']"
    said = problem(
        target(f"databases: {databases}", dump="into: 'postgresql://h:5432/'", top=scratch)
    )

    assert "`into` restores one database" in said


def test_a_scratch_server_takes_no_roles():
    scratch = "scratch_servers: ['h:5432']"
    dump = "into: 'postgresql://h:5432/'\nglobals: /g.sql"

    assert "`into` restores no roles" in problem(target(dump=dump, top=scratch))


@pytest.mark.parametrize(
    ("keys", "dump", "hours"),
    [
        ("", "", None),
        ("schedule: 0 3 * * *", "", 26),
        ("schedule: 0 * * * *", "", 26),
        ("schedule: 0 3 * * 0", "", 170),
        ("schedule: 0 3 * * *", "max_age_hours: 50", 50),
    ],
)
def test_how_old_a_dump_may_be_follows_from_the_schedule(keys, dump, hours):
    (only,) = parse(target(keys, dump=dump)).targets

    limit = None if hours is None else timedelta(hours=hours)
    assert max_age_of(only) == limit


# --- history.sign


SIGN = "history: {sign: {%s}}"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "expected one of these keys: key, kms_key_id; found neither"),
        ("key: '${K}', kms_key_id: a", "expected one of these keys: key, kms_key_id; found both"),
        ("key: secret", "a private key in plain text"),
        ("kms_key_id: a, timestamp_url: ftp://x", "expected a URL with http:// or https://"),
        ("kms_key_id: a, keys: b", "unknown key 'keys'"),
    ],
)
def test_a_key_for_signing_that_cannot_be_one_is_told(keys, said):
    assert said in problem(target(top=SIGN % keys), K="k" * 8)


def test_a_key_for_signing_is_a_secret():
    config = parse(target(top=SIGN % "key: '${K}', timestamp_url: 'https://t'"), K="k" * 8)

    assert config.history.sign is not None
    assert config.history.sign.key == "k" * 8
    assert "k" * 8 in config.secrets
    assert "kkkk" not in repr(config)
    assert parse(target(top="history: {sign: }")).history.sign is None
    assert "history.sign" in problem(target(top="history: {sign: 3}"))


# --- history.url

URL = "history: {url: '%s'}"


@pytest.mark.parametrize(
    ("top", "said"),
    [
        (URL % "postgresql://rc:hunter2@db/nights", "the password is in the file in plain text"),
        (URL % "postgresql://rc@db/nights?password=hunter2", "the password is in the file"),
        (URL % "mysql://db/nights", "expected postgresql://user:${PASSWORD}@host:port/database"),
        (URL % "postgresql://rc@a,b/nights", "expected postgresql://"),
        ("history: {path: a, url: 'postgresql://rc@db/n'}", "path, url; found both"),
    ],
)
def test_a_history_url_that_cannot_be_used_is_told(top, said):
    told = problem(target(top=top))

    assert said in told
    assert "hunter2" not in told


def test_the_password_of_the_history_is_a_secret_and_its_locks_have_a_folder_of_their_own():
    config = parse(target(top=URL % "postgresql://rc:${P}@DB:6432/nights"), P="hunter2")

    assert config.history.url is not None
    assert config.history.url.get_secret_value() == "postgresql://rc:hunter2@DB:6432/nights"
    assert "hunter2" in config.secrets
    assert "hunter2" not in repr(config)
    state = "/home/me/.local/state/restorecheck"
    assert config.history.path == f"{state}/history-db-6432-nights"
    other = parse(target(top=URL % "postgresql://rc@db:6432/days"))
    assert other.history.path == f"{state}/history-db-6432-days"


# --- dispatch

WORKERS = "runner: {dispatch: workers}\nhistory: {url: 'postgresql://rc@db/n'}"


def test_drills_on_other_hosts_need_a_history_that_they_share():
    told = problem(target(top="runner: {dispatch: workers}"))

    assert "set history.url" in told
    assert parse(target(top=WORKERS)).runner.dispatch == "workers"
    assert parse(target()).runner.dispatch == "here"


def test_a_target_runs_where_its_labels_are_and_inherits_them():
    text = target("runs_on: {site: rome, postgresql: 16}", top="defaults: {runs_on: {size: s}}")

    assert parse(text).targets[0].runs_on == {"site": "rome", "postgresql": "16"}
    assert parse(target(top="defaults: {runs_on: {size: s}}")).targets[0].runs_on == {"size": "s"}
    assert "runs_on" in problem(target("runs_on: {site: [a, b]}"))
    assert "runs_on" in problem(target("runs_on: {Site: a}"))


CLUSTER = "history: {url: 'postgresql://rc@db/n'}\nrunner: {dispatch: kubernetes%s}"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "missing key: runner.kubernetes"),
        (", kubernetes: {}", "missing key 'job'"),
        (", kubernetes: {job: j, api: 'http://10.0.0.1'}", "expected https"),
        (", kubernetes: {job: j, api: 'https://a/b'}", "expected a URL such as"),
        (", kubernetes: {job: j, namespace: A_b}", "runner.kubernetes.namespace"),
    ],
)
def test_a_cluster_that_cannot_be_asked_is_told(keys, said):
    assert said in problem(target(top=CLUSTER % keys))


def test_files_of_a_cluster_are_beside_the_configuration():
    keys = ", kubernetes: {job: job.yaml, api: 'http://127.0.0.1:8001', token_file: /t}"

    cluster = parse(target(top=CLUSTER % keys)).runner.kubernetes

    assert cluster is not None
    assert cluster.job == "/etc/restorecheck/job.yaml"
    assert (cluster.token_file, cluster.ca_file) == ("/t", None)
