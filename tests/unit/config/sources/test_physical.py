"""The keys of physical backups, and what holds between them."""

from pathlib import Path

import pytest

from restorecheck.config import parse
from restorecheck.config.sources.physical import Physical
from restorecheck.errors import ConfigError


def parsed(keys):
    text = f"version: 1\ntargets:\n  - name: a\n    physical: {keys}\n"
    return parse(text, file="f", directory=Path("/here"), environment={}).targets[0]


def problems(keys):
    with pytest.raises(ConfigError) as caught:
        parsed(keys)
    return [problem.message for problem in caught.value.problems]


def test_paths_are_relative_to_the_file_and_the_newest_backup_goes_to_the_end():
    physical = parsed("{kind: basebackup, path: base, archive: wal}").keys_of(Physical)

    assert physical.own.model_dump() == {"path": "/here/base", "archive": "/here/wal"}
    assert physical.moment == ("latest", "")


def test_a_moment_is_a_word_a_time_or_a_position():
    base = "kind: basebackup, path: b, moment: "

    def moment(text):
        return parsed(f"{{{base}{text}}}").keys_of(Physical).moment

    assert moment("immediate") == ("immediate", "")
    assert moment("{time: 2026-02-27 03:15:00+00}") == ("time", "2026-02-27 03:15:00+00")
    assert moment("{lsn: 16/B374D848}") == ("lsn", "16/B374D848")
    assert moment("random") == ("random", "")
    assert moment("{random: {within_days: 1.5}}") == ("random", "1.5")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("{random: {within_days: 0}}", "expected within_days to be more than 0"),
        ("{random: {within_days: true}}", "expected within_days to be more than 0"),
        ("{random: {within_days: 1, seed: a}}", "expected latest, immediate,"),
        ("yesterday", "expected latest, immediate,"),
        ("{time: '2026-02-27 03:15:00'}", "expected a time with its zone"),
        ("{time: soon}", "expected a time with its zone"),
        ("{lsn: B374D848}", "expected latest, immediate,"),
        ("{lsn: 1/123456789}", "expected latest, immediate,"),
        ("{time: 2026-02-27 03:15:00+00, lsn: 0/1}", "expected latest, immediate,"),
    ],
)
def test_a_moment_that_means_nothing_is_refused(moment, words):
    (message,) = problems(f"{{kind: basebackup, path: b, moment: {moment}}}")

    assert words in message


def test_each_kind_has_its_own_keys():
    assert problems("{kind: pgbackrest, config: c}") == [
        "missing key: kind pgbackrest needs stanza"
    ]
    assert problems("{kind: basebackup, path: b, stanza: main}") == [
        "stanza is not a key of kind basebackup"
    ]
    assert "expected" in problems("{kind: tape, path: b}")[0]
    own = parsed("{kind: basebackup, path: b, stanza: null}").keys_of(Physical).own
    assert "stanza" not in own.model_dump(), "empty, it is as if it were not there"
    assert problems("{path: b}")


def test_all_databases_of_the_cluster_are_proven_unless_some_are_named():
    assert parsed("{kind: basebackup, path: b}").databases is None


# --- named moments -------------------------------------------------------------------------------

AT = "{time: 2026-02-27 03:15:00+00}"
LATER = "{time: 2026-02-27 04:15:00+00}"


def with_checks(keys, *checks):
    text = f"version: 1\ntargets:\n  - name: a\n    physical: {{kind: basebackup, path: b, {keys}}}\n    checks:\n"
    text += "".join(f"      - {check}\n" for check in checks)
    return parse(text, file="f", directory=Path("/here"), environment={}).targets[0]


def count(more):
    return f"{{row_count: {{table: t, equals: 1{more}}}}}"


def refused(keys, *checks):
    with pytest.raises(ConfigError) as caught:
        with_checks(keys, *checks)
    return [problem.message for problem in caught.value.problems]


def test_a_check_is_asked_at_a_named_moment():
    target = with_checks(f"moments: {{m: {AT}}}", count(", at: m, false_after: true"), count(""))

    first, last = target.check_specs()
    assert (first.name, first.at, first.false_after) == ("row count of t, at m", "m", True)
    assert (last.name, last.at, last.false_after) == ("row count of t", "", False)
    assert target.keys_of(Physical).moments == {"m": ("time", "2026-02-27 03:15:00+00")}


@pytest.mark.parametrize(
    ("keys", "check", "words"),
    [
        ("kind: basebackup", count(", at: m"), "physical.moments has no moment 'm'; it has none"),
        (f"moments: {{m: {AT}}}", count(""), "no check runs at m"),
        ("moments: {m: latest}", count(", at: m"), "expected {time: …} or {lsn: …}"),
        ("moments: {m: [1]}", count(", at: m"), "expected {time: …} or {lsn: …}"),
        ("moments: 1", count(", at: m"), "physical.moments has no moment 'm'"),
        ("path: b", count(", false_after: true"), "false_after needs `at`"),
        (
            f"moments: {{m: {AT}}}",
            "{freshness: {table: t, column: c, max_age_hours: 1, at: m}}",
            "freshness compares with another moment",
        ),
        (f"moments: {{m: {AT}}}, moment: random", count(", at: m"), "expected latest or a time"),
        (f"moments: {{m: {AT}}}, moment: {{lsn: 0/1}}", count(", at: m"), "expected latest or a time"),
        (f"moments: {{m: {LATER}}}, moment: {AT}", count(", at: m"), "expected a moment after m"),
        ("moments: {m: {lsn: 0/2}}, moment: {lsn: 0/1}", count(", at: m"), "expected a moment after m"),
        (f"moments: {{m: {AT}, n: {{lsn: 0/1}}}}", count(", at: m"), "expected times only"),
        (f"moments: {{m: {{time: soon}}}}, moment: {AT}", count(", at: m"), "expected a time with"),
    ],
)  # fmt: skip
def test_moments_that_cannot_be_asked_in_turn_are_refused(keys, check, words):
    said = refused(
        keys.replace("kind: basebackup", "archive: w").replace("path: b", "archive: w"), check
    )

    assert any(words in message for message in said), said


def test_a_later_last_moment_is_allowed():
    assert with_checks(f"moments: {{m: {AT}}}, moment: {LATER}", count(", at: m"))


def test_other_sources_have_no_moments():
    text = "version: 1\ntargets:\n  - name: a\n    dump: {path: d}\n    checks:\n      - "
    with pytest.raises(ConfigError) as caught:
        parse(text + count(", at: m") + "\n", file="f", directory=Path("/here"), environment={})

    assert caught.value.problems[0].message == "a target of kind dump has no moments; remove `at`"
