"""Programs in the configuration: where they are refused, and which secrets they may not hold."""

import os

import pytest

from restorecheck import config
from restorecheck.errors import ConfigError

RDS = (
    "rds: {db_instance_identifier: p, region: eu-west-1, source: {account_id: '1', role_arn: r}, "
    "backup: {account_id: '2'}, restore: {}}"
)


def problems(tmp_path, source, check):
    file = tmp_path / "restorecheck.yaml"
    file.write_text(
        f"version: 1\ntargets:\n  - name: shop\n    {source}\n    checks:\n      - command: {check}\n"
        "history: {path: h}\n"
    )
    try:
        config.load(file, dict(os.environ))
    except ConfigError as exc:
        return " | ".join(problem.message for problem in exc.problems)
    return ""


@pytest.mark.parametrize(
    "source", ["dump: {path: b}", "physical: {kind: pgbackrest, stanza: s, config: c}"]
)
def test_a_program_runs_beside_a_server_of_restorecheck(tmp_path, source):
    assert problems(tmp_path, source, "{name: n, run: [./app], files: [src]}") == ""


@pytest.mark.parametrize("source", ["dump: {path: b, into: 'postgresql://h/'}", RDS])
def test_it_is_refused_elsewhere(tmp_path, source):
    assert "server that restorecheck starts" in problems(tmp_path, source, "{name: n, run: [app]}")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("run: app --check", "one item per argument"),
        ("run: []", "at least one item"),
        ("run: [app, --password=x1y2z3]", "in plain text"),
        ("run: [app], environment: {APP_PASSWORD: x1y2z3}", "APP_PASSWORD is in the file in plain"),
        ("run: [app], environment: {API_KEY: x1y2z3}", "API_KEY is in the file in plain"),
        ("run: [app], environment: {PGUSER: postgres}", "PGUSER is set by restorecheck"),
        ("run: [app], environment: {DATABASE_URL: x}", "DATABASE_URL is set by restorecheck"),
        ("run: [app], environment: {'A=B': x}", "names of variables"),
        ("run: [app], environment: {1A: x}", "names of variables"),
        ("run: [app], at: m", "remove `at`"),
    ],
)
def test_bad_keys_are_named(tmp_path, keys, words):
    assert words in problems(tmp_path, "dump: {path: b}", f"{{name: n, {keys}}}")


def test_a_secret_that_is_referred_to_is_fine(tmp_path, monkeypatch):
    monkeypatch.setenv("APP_KEY", "x1y2z3")
    keys = "{name: n, run: [app], environment: {APP_PASSWORD: '${APP_KEY}', MODE: smoke}}"
    assert problems(tmp_path, "dump: {path: b}", keys) == ""


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("dump: {path: b}", False),
        ("dump: {path: b, into: 'postgresql://h/'}", True),
        ("physical: {kind: pgbackrest, stanza: s, config: c}", True),
    ],
)
def test_an_upgrade_is_rehearsed_with_dumps_only(tmp_path, source, refused):
    file = tmp_path / "restorecheck.yaml"
    file.write_text(
        f"version: 1\ntargets:\n  - name: shop\n    {source}\n    rehearse: {{upgrade: next}}\nhistory: {{path: h}}\n"
    )
    try:
        config.load(file, {"HOME": "/root"})
    except ConfigError as exc:
        said = " | ".join(problem.message for problem in exc.problems)
        assert refused
        assert "rehearsed with dumps only" in said
    else:
        assert not refused
