"""Every format and wrapping of a healthy dump is verified, by the installed command."""

import bz2
import gzip
import lzma
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from restorecheck.postgres.server import cluster

CHECKS = """
      - row_count: {table: public.books, equals: 2000}
      - row_count: {table: AUTHORS, min: 50}
      - query: {name: tags came along, sql: "select count(*) from books where tags ? 'k'", expect: {equals: 2000}}
      - query: {name: functions came along, sql: "select shout('a') = 'A'", expect: {equals: true}}
"""
FORMATS = [
    "custom",
    "custom by pipe",
    "custom by >",
    "directory",
    "tar",
    "plain",
    "plain -C",
    "inserts",
]
WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
# Stands for age or gpg: reads stdin, writes stdout, knows a key.
ROT = "import sys; sys.stdout.buffer.write(bytes(b ^ 85 for b in sys.stdin.buffer.read()))"
DECRYPT = f", decrypt: [{sys.executable}, -c, {ROT!r}]"


def put(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_healthy_dump_is_verified_in_every_format(world, dumps, kind):
    put(dumps[kind], world.backups / dumps[kind].name)
    world.configure(CHECKS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["backup"]["server_version"]
    assert report["restore"]["outcome"] == "succeeded"
    assert report["teardown"] == {"outcome": "complete", "left": [], "details": [], "parked": []}


@pytest.mark.parametrize("suffix", WRAPPINGS)
@pytest.mark.parametrize("kind", ["custom", "tar", "plain"])
def test_a_compressed_dump_is_verified(world, dumps, kind, suffix):
    target = world.backups / f"{dumps[kind].name}.{suffix}"
    target.write_bytes(WRAPPINGS[suffix](dumps[kind].read_bytes()))
    world.configure(CHECKS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_packed_directory_format_dump_is_verified(world, dumps):
    with tarfile.open(world.backups / "library.tar.gz", "w:gz") as tar:
        tar.add(dumps["directory"], "library")
    world.configure(CHECKS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_a_dump_in_a_zip_file_is_verified_and_so_are_the_pieces_of_one(world, dumps, kind):
    with zipfile.ZipFile(world.directory / "library.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(dumps[kind], dumps[kind].name)
    content = (world.directory / "library.zip").read_bytes()
    half = len(content) // 2
    for name, piece in (("zip.aa", content[:half]), ("zip.ab", content[half:])):
        (world.backups / name).write_bytes(piece)
    (world.backups / "zip.ab.done").touch()
    world.configure(CHECKS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["backup"]["size_bytes"] == len(content)


@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_an_encrypted_and_compressed_dump_is_verified(world, dumps, kind):
    packed = gzip.compress(dumps[kind].read_bytes())
    (world.backups / "library.gz.enc").write_bytes(bytes(b ^ 85 for b in packed))
    world.configure(CHECKS, dump=DECRYPT)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_folder_that_is_a_directory_format_dump_is_a_target_itself(world, dumps):
    put(dumps["directory"], world.directory / "library.dir")
    world.configure(CHECKS, path="library.dir")

    assert world.drill()[0] == 0


def test_a_dump_that_the_servers_user_cannot_read_is_restored_from_a_copy(world, dumps):
    put(dumps["custom"], world.backups / "library.dump")
    (world.backups / "library.dump").chmod(0o600)
    world.configure(CHECKS)

    assert world.drill()[0] == 0


def test_a_dump_is_restored_into_the_same_major_or_the_lowest_higher_one(world, dumps, source):
    put(dumps["custom"], world.backups / "library.dump")

    _, report = world.drill()

    assert report["restore"]["server_version"].startswith(source.installation.version)
    assert [note for note in report["notes"] if "hstore" not in note] == []


def test_of_two_complete_dumps_the_newest_is_restored(world, dumps):
    put(dumps["plain"], world.backups / "old.sql")
    put(dumps["custom"], world.backups / "new.dump")

    _, report = world.drill()

    assert report["backup"]["identifier"].endswith("new.dump")


@pytest.mark.parametrize("options", [["--format=custom"], ["--create"]], ids=["custom", "plain -C"])
@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        ("SQL ascii", "SQL_ASCII", "convert_from(decode('ff80e9', 'hex'), 'SQL_ASCII')"),
        ('l\'atin "1"', "LATIN1", "chr(233)"),
    ],
)
def test_odd_names_and_encodings_are_restored(world, source, name, encoding, text, options):
    quoted = '"' + name.replace('"', '""') + '"'
    with cluster.superuser_connection(source.places) as connection:
        create = f"create database {quoted} encoding '{encoding}' locale 'C' template template0"
        connection.execute(create.encode())
        try:
            source.sql(f"create table t as select {text} as a", database=name)
            conninfo = "dbname='" + name.replace("'", "\\'") + "'"
            source.dump(world.backups / "odd.dump", *options, database=conninfo)
        finally:
            connection.execute(f"drop database {quoted}".encode())
    world.configure("[{row_count: {table: t, equals: 1}}]")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["checks"][0]["database"] == name


@pytest.mark.parametrize("options", [["--format=custom"], ["--create"]], ids=["custom", "plain -C"])
def test_the_search_path_and_the_locale_of_the_source_come_along(world, source, options):
    with cluster.superuser_connection(source.places) as connection:
        connection.execute("create database pathed locale 'C' template template0")
        try:
            source.sql(
                "create schema app; create table app.t as select 1 as a;"
                "alter database pathed set search_path to app, public;",
                database="pathed",
            )
            source.dump(world.backups / "pathed.dump", *options, database="pathed")
        finally:
            connection.execute("drop database pathed")
    world.configure("""
      - query: {name: path, sql: select count(*) from t, expect: {equals: 1}}
      - query:
          name: locale
          sql: select datcollate from pg_database where datname = current_database()
          expect: {equals: C}
""")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


@pytest.mark.parametrize("options", [["--format=custom"], ["--format=plain", "--create"]])
def test_a_database_that_was_made_read_only_or_bounded_in_time_is_restored_all_the_same(
    world, source, options
):
    for setting in ("default_transaction_read_only = on", "statement_timeout = '1min'"):
        source.sql(f"alter database library set {setting}", database="postgres")
    try:
        source.dump(world.backups / "library.dump", *options)
    finally:
        source.sql("alter database library reset all", database="postgres")
    world.configure(CHECKS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_dump_of_another_database_than_the_configured_one_is_failed(world, dumps):
    put(dumps["custom"], world.backups / "library.dump")
    text = world.config.read_text()
    world.config.write_text(text.replace("checks: []", "checks: []\n    databases: [courses]"))

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed")
    assert "expected courses, found library" in report["reason"]


def test_a_plain_dump_that_is_called_after_another_database_is_inconclusive(world, dumps):
    put(dumps["plain"], world.backups / "library-2026-01-01.sql")
    text = world.config.read_text()
    world.config.write_text(text.replace("checks: []", "checks: []\n    databases: [courses]"))

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "no dump is known to be of courses" in report["reason"]


def test_a_plain_dump_is_restored_under_the_configured_name(world, dumps):
    put(dumps["plain"], world.backups / "library.sql")
    text = world.config.read_text()
    world.config.write_text(text.replace("checks: []", "checks: []\n    databases: [library]"))

    code, report = world.drill()

    assert code == 0, report["reason"]
    assert {c["database"] for c in report["checks"]} == {"library"}


SHY = """
create schema "Odd %s"; create function "Odd %s"."Is {ok}"(n int) returns boolean language sql as 'select n > 0';
revoke execute on function "Odd %s"."Is {ok}" from public;
create table items (n int check ("Odd %s"."Is {ok}"(n))); insert into items values (1), (2);
"""


def test_a_check_with_a_function_that_not_everybody_may_call_is_evaluated(world, source):
    source.sql("create database shy", database="postgres")
    source.sql(SHY, database="shy")
    source.dump(world.backups / "shy.dump", "--format=custom", database="shy")
    source.sql("drop database shy", database="postgres")

    code, report = world.drill()

    assert code == 0, report["reason"]
    (held,) = [c for c in report["checks"] if c["name"] == "constraints hold"]
    assert (held["outcome"], held["found"]) == ("passed", "1 checked")
