"""The runbook of each kind of source: names a person can run, no secret, no name of the backup as a command."""

import os
import shlex
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck import config
from restorecheck.config.physical.registry import PHYSICAL_KINDS
from restorecheck.config.sources.registry import KINDS
from restorecheck.config.storages.registry import STORAGES
from restorecheck.report import document
from restorecheck.report.document import ChainReport
from restorecheck.runbook import fetching, physical
from restorecheck.runbook.registry import RUNBOOKS
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, database, script
from tests.factories import NOW, finished

SECRET = "s3cret-of-the-storage"  # noqa: S105  # of this test
ENVIRONMENT = {"HOME": "/root", "TOKEN": SECRET}


def report(identifier, kind="dump", **changes):
    drill = finished()
    assert drill.backup is not None
    backup = replace(drill.backup, identifier=identifier, kind=kind, **changes)
    return document.build(drill.evolve(backup=backup), ChainReport(sequence=1, previous_sha256=""))


def printed(tmp_path, source, identifier, **changes):
    file = tmp_path / "restorecheck.yaml"
    file.write_text(
        f"version: 1\naws: {{ca_bundle: ca.pem}}\ntargets:\n  - name: shop\n    {source}\nhistory: {{path: h}}\n"
    )
    loaded = config.load(file, ENVIRONMENT)
    (target,) = loaded.targets
    made = report(identifier, **changes)
    proven = Proven(target="shop", report=made, reports=(made,))
    shell = Shell(loaded.references)
    steps = RUNBOOKS[target.kind.key](target, proven, shell)
    text = script(proven, steps, shell, NOW)
    assert SECRET not in text
    subprocess.run(["/bin/sh", "-n"], input=text.encode(), check=True)
    return text


def test_every_kind_has_a_runbook():
    assert {kind.key for kind in KINDS} == {*RUNBOOKS}
    assert {kind.key for kind in STORAGES} == {*fetching._BY_KEY}
    assert {kind.key for kind in PHYSICAL_KINDS} == {*physical._BY_KIND}


@pytest.mark.parametrize(
    ("keys", "identifier", "line"),
    [
        (
            "path: 's3://acme/shop/*.dump', s3: {endpoint_url: 'https://minio:9000', profile: ops}",
            "s3://acme/shop/a b.dump",
            "aws --endpoint-url https://minio:9000 --profile ops s3 cp 's3://acme/shop/a b.dump' \"$DUMP\"",
        ),
        (
            "path: 'gs://acme/*.dump'",
            "gs://acme/a.dump",
            'gcloud storage cp gs://acme/a.dump "$DUMP"',
        ),
        (
            "path: 'az://box/*.dump', azure: {account: acme, account_key: '${TOKEN}'}",
            "az://box/x/a.dump",
            'az storage blob download --account-name acme --container-name box --name x/a.dump --account-key "$TOKEN" --file "$DUMP"',
        ),
        (
            "path: 'https://host/a.dump', http: {headers: {Authorization: 'Bearer ${TOKEN}'}}",
            "https://host/a.dump",
            'curl --fail --location --header \'Authorization: Bearer \'"$TOKEN" https://host/a.dump --output "$DUMP"',
        ),
        (
            "path: /d/*.dump, restic: {repository: 'sftp:u@h:/r', password_file: /run/p}",
            "restic h:/r: 1a2b/d/a.dump",
            'restic --no-lock --repo sftp:u@h:/r --password-file /run/p dump 1a2b /d/a.dump > "$DUMP"',
        ),
        (
            "path: d/*.dump, borg: {repository: 'ssh://u@h/./r', passcommand: [cat, /run/p]}",
            "borg h/./r: db-1/d/a.dump",
            "BORG_PASSCOMMAND='cat /run/p' borg extract --stdout ssh://u@h/./r::db-1 d/a.dump > \"$DUMP\"",
        ),
        (
            "path: shop/*.dump, rclone: {remote: 'b:acme'}",
            "rclone b:acme: shop/a.dump",
            'rclone copyto b:acme/shop/a.dump "$DUMP"',
        ),
        (
            "path: '*.dump', command: {list: [ls], fetch: [get, '{name}', --key, '${TOKEN}']}",
            "command ls: a.dump",
            'get a.dump --key "$TOKEN" > "$DUMP"',
        ),
    ],
)
def test_a_dump_is_fetched_by_the_program_of_its_storage(tmp_path, keys, identifier, line):
    text = printed(tmp_path, f"dump: {{{keys}}}", identifier, checksum="sha256:abc")
    assert line in text.splitlines()
    if "$TOKEN" in line:
        assert "# Set these variables first, as for restorecheck: TOKEN" in text


def test_a_dump_is_decrypted_and_unpacked_in_this_order(tmp_path):
    keys = "path: '/b/*.age', decrypt: [age, --decrypt, --identity, /k], globals: '/b/g*.sql'"
    text = printed(tmp_path, f"dump: {{{keys}}}", "/b/shop.sql.zst.age")
    order = [
        "age --decrypt --identity /k <",
        "zstd -dc <",
        'psql -X -d postgres -f "$(ls -t /b/g*.sql',
    ]
    assert sorted(order, key=text.index) == order


@pytest.mark.parametrize(
    ("keys", "identifier", "lines"),
    [
        (
            "kind: pgbackrest, stanza: shop, config: /etc/p.conf",
            "pgBackRest shop: 20260226-0315F in repository 2",
            [
                'pgbackrest --stanza=shop --set=20260226-0315F --config=/etc/p.conf --repo=2 --pg1-path="$PGDATA" restore'
            ],
        ),
        (
            "kind: barman, home: /b, server: shop",
            "Barman shop: 20260226T031500",
            ['barman recover shop 20260226T031500 "$PGDATA"'],
        ),
        (
            "kind: walg, settings: /w.json",
            "WAL-G: base_0001",
            [
                'wal-g --config /w.json backup-fetch "$PGDATA" base_0001',
                "restore_command = 'wal-g --config /w.json wal-fetch %f %p'",
            ],
        ),
        (
            "kind: basebackup, path: /b, archive: '/it''s'",
            "/b/full",
            ["BACKUP=/b/full", 'touch "$PGDATA/recovery.signal"'],
        ),
    ],
)
def test_files_are_restored_by_the_program_that_made_them(tmp_path, keys, identifier, lines):
    text = printed(tmp_path, f"physical: {{{keys}}}", identifier, kind="physical")
    for line in lines:
        assert line in text.splitlines()


ACCOUNTS = (
    "region: eu-west-1, source: {account_id: '111111111111', role_arn: 'arn:aws:iam::111111111111:role/r', external_id: xx}, "
    "backup: {account_id: '222222222222', kms_key_id: 'arn:aws:kms:eu-west-1:222222222222:key/k'}, "
    "restore: {db_instance_class: db.t4g.medium, db_subnet_group_name: inside, vpc_security_group_ids: [sg-0a1b2c3d]}"
)


def test_a_snapshot_copy_is_restored_under_productions_name(tmp_path):
    text = printed(
        tmp_path, f"rds: {{db_instance_identifier: courses-prod, {ACCOUNTS}}}", "rds:x", kind="rds"
    )
    assert f"SNAPSHOT=restorecheck-{finished().id}" in text
    assert 'NAME="${NAME:-courses-prod}"' in text
    assert "aws rds restore-db-instance-from-db-snapshot" in text
    assert "--deletion-protection" in text


def test_a_copy_that_was_there_already_is_named(tmp_path):
    arn = "arn:aws:rds:eu-west-1:222222222222:snapshot:restorecheck-earlier"
    text = printed(
        tmp_path,
        f"rds: {{db_instance_identifier: p, {ACCOUNTS}}}",
        "rds:x",
        kind="rds",
        storage=arn,
    )
    assert "SNAPSHOT=restorecheck-earlier" in text


@pytest.mark.parametrize(("origin", "snapshot"), [("copy", "restorecheck-"), ("shared", "rds:s")])
def test_a_cluster_gets_an_instance(tmp_path, origin, snapshot):
    keys = f"db_cluster_identifier: c, from: {origin}, {ACCOUNTS}"
    text = printed(tmp_path, f"aurora: {{{keys}}}", "rds:s", kind="aurora")
    assert f"SNAPSHOT={snapshot}" in text
    assert text.index("restore-db-cluster-from-snapshot") < text.index("create-db-instance")


def test_a_recovery_point_is_restored_by_aws_backup(tmp_path):
    keys = "db_instance_arn: 'arn:aws:rds:eu-west-1:111111111111:db:p', account_id: '111111111111', region: eu-west-1, credentials: secret, secret_arn: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:s', user: u"
    point = "arn:aws:backup:eu-west-1:111111111111:recovery-point:x"
    text = printed(tmp_path, f"adopt: {{{keys}}}", point, kind="AWS Backup recovery point")
    assert f"POINT={point}" in text
    assert "aws backup start-restore-job" in text
    unknown = printed(tmp_path, f"adopt: {{{keys}}}", "i-1", kind="adopted DB instance")
    assert "list-recovery-points-by-resource" in unknown


HOSTILE = "/b/x'; touch /tmp/pwned; $(id) `id`\n# \\.dump"


def test_a_hostile_file_name_is_one_word(tmp_path):
    text = printed(tmp_path, "dump: {path: /b}", HOSTILE)
    assert f"DUMP={shlex.quote(HOSTILE)}" in text
    rest = text.replace(shlex.quote(HOSTILE), "")
    assert [
        line for line in rest.splitlines() if "pwned" in line and not line.startswith("#")
    ] == []


@pytest.mark.parametrize("name", ["host=evil", "postgresql://evil/x", "-x", "it's", "a\\b"])
def test_a_database_is_never_a_connection_string(name):
    word = shlex.split(database(name, Shell({})))
    assert word[0].startswith("dbname='")
    assert database("shop", Shell({})) == "shop"


def test_a_value_is_shown_as_its_reference_even_within_a_word(tmp_path):
    shell = Shell({SECRET: "TOKEN", "other": f"file:{tmp_path}/it's"})
    (tmp_path / "it's").write_text("other")
    word = shell.quote(f"--key={SECRET},other end")
    assert SECRET not in word
    found = subprocess.run(
        ["/bin/sh", "-c", f"printf %s {word}"],
        env={**os.environ, "TOKEN": SECRET},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert found == f"--key={SECRET},other end"
    assert shell.variables == {"TOKEN"}


def test_times_are_those_of_the_last_verified_drills(tmp_path):
    first, second = report("/b/a"), report("/b/a")
    steps = tuple(s.model_copy(update={"seconds": s.seconds + 60}) for s in second.steps)
    second = second.model_copy(update={"steps": steps})
    proven = Proven(target="shop", report=second, reports=(first, second))
    text = script(proven, (), Shell({}), NOW + timedelta(hours=1))
    assert "in the last 2 verified drills" in text
    assert " to " in text.split("on the server of the drills:")[1]
