"""Which storage a target's dumps are in, and what is refused beside it."""

from typing import Any

import pytest

from restorecheck.hosts.process.storages import shown_path, storage_of
from restorecheck.storages.http import HttpStorage
from tests.unit.config.test_config import parse, problem

TARGET = """
version: 1
targets:
  - name: shop
    dump: {%s}
"""


def dump_of(keys, **environment):
    (target,) = parse(TARGET % keys, **environment).targets
    return target.source


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("path: backups", None),
        ("path: s3://bucket/x", "s3"),
        ("path: s3://bucket/x, s3: {region: eu-central-1}", "s3"),
        ("path: https://host/x", "http"),
        ("path: gs://bucket/x", "gcs"),
        ("path: az://container/x, azure: {account: a}", "azure"),
        ("path: x, restic: {repository: r}", "restic"),
        ("path: x, borg: {repository: r}", "borg"),
        ("path: x, rclone: {remote: 'r:'}", "rclone"),
        ("path: x, command: {list: [l], fetch: [f]}", "command"),
    ],
)
def test_a_storage_is_known_by_its_key_or_the_scheme_of_the_path(keys, kind):
    found = dump_of(keys).storage
    assert (found.key if found else None) == kind


def test_only_a_path_of_this_machine_is_relative_to_the_file():
    assert dump_of("path: s3://bucket/x").path == "s3://bucket/x"
    assert dump_of("path: x, restic: {repository: r}").path == "x"
    assert dump_of("path: x").path != "x"


def test_the_files_of_a_storage_are_relative_to_the_file():
    keys = dump_of("path: x, restic: {repository: r, password_file: secret}").restic
    assert keys.password_file.endswith("/secret")
    assert keys.repository == "r"


def test_a_header_with_a_token_reaches_the_storage_and_no_text():
    dump = dump_of(
        "path: https://host/x, http: {headers: {Authorization: 'Bearer ${TOKEN}'}}",
        TOKEN="s3cr3t",  # noqa: S106
    )
    storage = storage_of(dump)
    assert isinstance(storage, HttpStorage)
    assert storage.headers == {"Authorization": "Bearer s3cr3t"}
    assert "s3cr3t" not in f"{dump!r}{storage!r}"


@pytest.mark.parametrize(
    ("keys", "option"),
    [
        ("restic: {repository: r}", ("--limit-download", "1953")),
        ("rclone: {remote: 'r:'}", ("--bwlimit", "2000000B")),
    ],
)
def test_a_program_limits_its_download_itself_where_it_can(keys, option):
    storage: Any = storage_of(dump_of(f"path: x, limit_rate_mb: 2, {keys}"))
    arguments = storage._arguments("cat")
    assert " ".join(option) in " ".join(arguments)
    unlimited: Any = storage_of(dump_of(f"path: x, {keys}"))
    assert option[0] not in unlimited._arguments("cat")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("path: x, before: {run: mount /x}", "one item per argument"),
        ("path: x, before: {run: [a], timeout_seconds: 0}", "greater than 0"),
        (
            "path: x, before: {run: [mount, --password, s3cr3t]}",
            "a password is in the file in plain text",
        ),
        ("path: x, limit_rate_mb: 0", "not less than 0.1"),
        ("path: x, restic: {repository: r}, borg: {repository: r}", "in one storage"),
        ("path: /backups, s3: {region: x}", "expected s3://… beside s3"),
        ("path: ftp://host/x", "expected a path of this machine or s3://"),
        ("path: x, restic: {}", "repository"),
        ("path: x, command: {list: one text, fetch: [f]}", "one item per argument"),
    ],
)
def test_what_does_not_fit_is_one_clear_problem(keys, said):
    assert said in problem(TARGET % keys)


KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "keys",
    [
        'path: s3://b/x, s3: {customer_key: "%s"}',
        'path: az://c/x, azure: {account: a, account_key: "%s"}',
        'path: az://c/x, azure: {account: a, sas_token: "%s"}',
        "path: x, restic: {repository: 'rest:https://u:%s@host/r'}",
        "path: 'https://u:%s@host/x'",
    ],
)
def test_a_password_that_is_written_out_is_refused_and_a_reference_reaches_no_text(keys):
    assert "in plain text" in problem(TARGET % (keys % KEY))
    dump = dump_of(keys % "${SECRET}", SECRET=KEY)
    storage = storage_of(dump)
    assert storage is not None, "its path names one"
    assert KEY not in f"{storage!r}{storage.place}{shown_path(dump, storage)}"
    assert KEY in str(vars(storage))


def test_a_secret_among_rclones_arguments_is_refused():
    keys = "path: x, rclone: {remote: ':sftp,host=h,user=u,pass=${SECRET}:'}"
    assert "rclone's arguments" in problem(TARGET % keys, SECRET="x")  # noqa: S106


def test_a_key_of_the_customer_has_256_bits():
    keys = "path: s3://b/x, s3: {customer_key: '${SECRET}'}"
    for secret in ("c2hvcnQ=", f"{KEY[:-1]}", f"*{KEY[1:]}"):
        assert "256 bits in base64" in problem(TARGET % keys, SECRET=secret)
    storage = storage_of(dump_of(keys, SECRET=f" {KEY} "))
    assert KEY in str(vars(storage)), "space around the key is no part of it"
