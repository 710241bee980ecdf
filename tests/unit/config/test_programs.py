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


ARN = "arn:aws:kms:eu-west-1"
RDS = f"""rds:
      db_instance_identifier: shop
      region: eu-west-1
      source: {{account_id: "111111111111", role_arn: "arn:aws:iam::111111111111:role/r", external_id: ab}}
      backup: {{account_id: "222222222222", kms_key_id: "{ARN}:222222222222:key/k"}}
      restore: {{db_instance_class: db.t4g.small, db_subnet_group_name: drills, vpc_security_group_ids: [sg-0a1b2c3d]}}
"""
AURORA = RDS.replace("rds:", "aurora:", 1).replace(
    "db_instance_identifier", "db_cluster_identifier"
)
OWN = "files keep their version, and what is not restorecheck's own is not upgraded"


@pytest.mark.parametrize(
    ("source", "more", "words"),
    [
        ("dump: {path: b}", "", ""),
        (RDS, "", ""),
        (AURORA, ", parameter_group_name: shop-18", ""),
        ("dump: {path: b, into: 'postgresql://h/'}", "", OWN),
        ("physical: {kind: pgbackrest, stanza: s, config: c}", "", OWN),
        ("adopt: {db_instance_arn: x}", "", OWN),
        ("dump: {path: b}", ", parameter_group_name: x", "allowed only with rds and aurora"),
        (f"{RDS}      after: stop", "", "the standby would be of the new version"),
    ],
)
def test_an_upgrade_is_rehearsed_with_what_can_be_upgraded_and_goes_afterwards(
    tmp_path, source, more, words
):
    file = tmp_path / "restorecheck.yaml"
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----")
    file.write_text(
        f"version: 1\naws: {{ca_bundle: {bundle}}}\ntargets:\n  - name: shop\n    {source}\n"
        f"    rehearse: {{upgrade: next{more}}}\nhistory: {{path: h}}\n"
    )
    try:
        config.load(file, {"HOME": "/root"})
    except ConfigError as exc:
        said = " | ".join(problem.message for problem in exc.problems)
        assert words, said
        assert words in said
    else:
        assert not words
