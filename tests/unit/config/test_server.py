"""The keys of `server`: as written, inherited, and what is refused."""

import pytest

from tests.unit.config.test_config import parse, problem

TARGET = """
version: 1
targets:
  - name: shop
    dump: {path: backups}
    server: %s
"""


def server_of(keys):
    (target,) = parse(TARGET % keys).targets
    return target.server


def test_everything_that_can_be_written():
    server = server_of(
        '{preload: [pg_cron], settings: {max_connections: 50, jit: true, work_mem: 4MB, cron.host: ""},'
        ' memory: 1.5GB, cpus: 2, image: "registry:5000/team/postgis:{major}-3.5", runtime: podman}'
    )

    assert server.preload == ("pg_cron",)
    assert server.settings == {
        "max_connections": "50",
        "jit": "on",
        "work_mem": "4MB",
        "cron.host": "",
    }
    assert (server.memory, server.cpus) == (1_500_000_000, 2)
    assert server.image == "registry:5000/team/postgis:{major}-3.5"
    assert server.runtime == "podman"
    assert server_of("{settings: {jit: false}}").settings == {"jit": "off"}


def test_each_key_is_inherited_by_itself():
    (target,) = parse(
        TARGET % "{memory: 2GB}" + "defaults: {server: {memory: 1GB, preload: [pgaudit]}}\n"
    ).targets

    assert target.server.memory == 2 * 10**9
    assert target.server.preload == ("pgaudit",)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{memory: 4 apples}", "expected a size such as 4GB or 512MB, found the text '4 apples'"),
        ("{memory: 1MB}", "expected 128MB or more"),
        ("{memory: true}", "memory"),
        ("{cpus: 0}", "greater than 0"),
        ("{preload: [../evil]}", "expected the name of a library such as pg_cron"),
        ("{settings: {port: 5433}}", "'port' cannot be set: restorecheck sets it"),
        ("{settings: {archive_command: cp}}", "'archive_command' cannot be set"),
        ("{settings: {shared_preload_libraries: x}}", "write the libraries into server.preload"),
        ("{settings: {'a b': x}}", "'a b' is not the name of a setting"),
        ("{settings: {jit: [x]}}", "settings"),
        ("{image: '-v /:/host'}", "expected an image such as registry/postgis:{major}-3.5"),
        ("{image: 'a:{minor}'}", "only {major} is replaced"),
        ("{runtime: rkt}", "runtime"),
    ],
)
def test_what_is_refused_says_what_is_expected(keys, said):
    assert said in problem(TARGET % keys)


def test_a_server_is_of_dumps_that_are_restored_here():
    into = TARGET.replace("path: backups", 'path: backups, into: "postgresql://a@h:5432/"')
    assert "remove `into` or `server`" in problem(
        into % "{memory: 1GB}" + "scratch_servers: ['h:5432']\n"
    )
    adopted = """
version: 1
aws: {ca_bundle: bundle.pem}
targets:
  - name: shop
    server: {memory: 1GB}
    adopt:
      db_instance_arn: arn:aws:rds:eu-west-1:111111111111:db:shop
      account_id: "222222222222"
      region: eu-west-1
      user: checker
      credentials: iam
"""
    assert "a target of kind adopt has none" in problem(adopted)
