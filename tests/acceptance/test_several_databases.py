"""Dumps of several databases, in one folder or one file: which are proven, and what is said."""

import os

import pytest

from restorecheck.postgres.server import cluster
from tests import pg

ROLES = """
create role app login password 's3cret-of-app' connection limit 7;
create role readers; grant readers to app; create role boss superuser login;
alter role app set search_path to 'app', 'public';
comment on role app is 'two
lines; CREATE ROLE no_such_role;';
"""
TABLE = "create table {} (id int primary key); insert into {} select generate_series(1, 50)"


@pytest.fixture(scope="module")
def server():
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, ROLES) as running:
        for name, options in (("shop", ""), ("a Crm", " encoding 'LATIN1' locale 'C'")):
            running.sql(f'create database "{name}" template template0{options}', "postgres")
        running.sql(TABLE.format("orders", "orders"), "shop")
        running.sql("alter table orders owner to app; grant select on orders to readers", "shop")
        running.sql("alter database shop set timezone to 'Europe/Berlin'", "shop")
        running.sql(TABLE.format("contacts", "contacts"), "a Crm")
        with cluster.superuser_connection(running.places) as connection:
            connection.execute("drop database library")
        yield running


def dump(server, world, database, name, *options):
    return server.pipe(world.backups / name, *options, database=f"dbname='{database}'")


def both(server, world, *options):
    dump(server, world, "shop", "s.dump", *options)
    dump(server, world, "a Crm", "c.dump", *options)


def configure(world, databases="", checks="[]", extra=""):
    world.configure(checks, extra=extra)
    if databases:
        text = world.config.read_text()
        world.config.write_text(
            text.replace("    checks:", f"    databases: {databases}\n    checks:")
        )


def age(file, *, hours):
    moment = file.stat().st_mtime - 3600 * hours
    os.utime(file, (moment, moment))


def outcomes(report):
    return {check["name"]: check["outcome"] for check in report["checks"]}


@pytest.mark.parametrize("options", [["--format=custom"], ["--create"]], ids=["custom", "plain"])
def test_a_folder_of_two_databases_is_not_proven_by_one_of_them(server, world, options):
    both(server, world, *options)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert report["reason"] == "there are dumps of several databases: a Crm, shop"


def test_all_databases_are_restored_into_one_server_and_each_is_asked(server, world):
    both(server, world, "--format=custom")
    configure(
        world,
        "all",
        "[{row_count: {table: orders, equals: 50, database: shop}},"
        " {row_count: {table: contacts, equals: 50, database: a Crm}}]",
        extra="defaults: {schedule: '0 3 * * *'}\n",
    )

    code, report = world.drill()

    assert code == 0, report["reason"]
    assert outcomes(report)["the backup of shop is young enough"] == "passed"
    assert any(note.startswith("shop: s.dump, taken ") for note in report["notes"])
    assert report["backup"]["identifier"] == str(world.backups)


def test_dumps_that_the_servers_user_cannot_read_are_restored_from_copies(server, world):
    both(server, world, "--format=custom")
    for file in world.backups.iterdir():
        file.chmod(0o600)
    configure(world, "all")

    assert world.drill()[0] == 0


def test_a_database_that_stopped_coming_is_stale_and_one_that_is_missing_fails(server, world):
    both(server, world, "--format=custom")
    age(world.backups / "c.dump", hours=72)
    configure(world, "[shop, a Crm, billing]", extra="defaults: {schedule: '0 3 * * *'}\n")

    code, report = world.drill()

    assert code == 1
    assert outcomes(report)["the backup of shop is young enough"] == "passed"
    assert outcomes(report)["the backup of a Crm is young enough"] == "failed"
    assert outcomes(report)["there is a dump of billing"] == "failed"


def test_a_database_whose_newest_dump_is_cut_is_named(server, world):
    both(server, world, "--format=custom")
    whole = (world.backups / "c.dump").read_bytes()
    (world.backups / "c.dump").write_bytes(whole[: len(whole) - 200])
    age(world.backups / "c.dump", hours=1)
    configure(world, "all")

    code, report = world.drill()

    assert code == 1
    assert "the newest dump of a Crm is whole" in report["reason"]
    assert outcomes(report)["every row can be read"] == "passed"


# --- several in one file --------------------------------------------------------------------------


def concatenated(server, world, *options):
    parts = [
        server.run("pg_dump", f"--dbname=dbname='{name}'", *options) for name in ("shop", "a Crm")
    ]
    (world.backups / "all.sql").write_bytes(b"".join(parts))


def test_two_databases_in_one_file_are_not_merged_into_one(server, world):
    concatenated(server, world, "--create")

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert report["reason"] == "all.sql holds dumps of several databases: shop, a Crm"


def test_two_databases_in_one_file_are_restored_where_that_is_configured(server, world):
    concatenated(server, world, "--create")
    configure(world, "all")

    code, report = world.drill()

    assert code == 0, report["reason"]
    (check,) = [c for c in report["checks"] if c["name"] == "every table can be counted"]
    assert check["database"] == "a Crm, shop"


def test_two_dumps_in_one_file_that_name_no_database_decide_nothing(server, world):
    concatenated(server, world)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "holds 2 dumps" in report["reason"]


def test_the_second_dump_in_a_file_is_not_lost_behind_the_end_of_the_first(server, world):
    whole = server.run("pg_dump", "--dbname=shop", "--create")
    (world.backups / "all.sql").write_bytes(whole + whole[:60])

    code, report = world.drill()

    assert code == 1
    assert "is truncated" in report["reason"]


# --- pg_dumpall ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--clean", "--if-exists"]], ids=["", "clean"])
def test_a_pg_dumpall_file_is_restored_with_its_roles(server, world, options):
    (world.backups / "all.sql").write_bytes(server.run("pg_dumpall", *options))
    sql = (
        "select rolconnlimit = 7 and rolcanlogin and pg_has_role(''app'', ''readers'', ''member'') "
        "and shobj_description(oid, ''pg_authid'') like ''two%'' and not exists (select from pg_roles "
        "where rolsuper and oid <> 10) from pg_roles where rolname = ''app''"
    )
    owner = "select tableowner = ''app'' from pg_tables where tablename = ''orders''"
    zone = "select current_setting(''timezone'') = ''Europe/Berlin''"
    checks = ", ".join(
        f"{{query: {{name: {name}, database: {database}, sql: '{text}', expect: {{equals: true}}}}}}"
        for name, database, text in (
            ("roles", "shop", sql),
            ("owner", "shop", owner),
            ("zone", "shop", zone),
        )
    )
    configure(world, checks=f"[{checks}]")

    code, report = world.drill()

    assert code == 0, report["reason"]
    assert report["notes"][0] == "all.sql holds several databases; restored: a Crm, shop"


def test_a_pg_dumpall_file_that_ends_after_a_database_is_cut(server, world):
    whole = server.run("pg_dumpall")
    trailer = b"-- PostgreSQL database dump complete\n"
    end = whole.index(trailer, whole.index(b"connect shop\n")) + len(trailer)
    (world.backups / "all.sql").write_bytes(whole[:end])

    code, report = world.drill()

    assert code == 1
    assert "pg_dumpall's last line" in report["reason"]


def test_what_is_wrong_with_a_role_is_said_without_its_password(server, world):
    whole = server.run("pg_dumpall")
    broken = whole.replace(b"ALTER ROLE app WITH", b"ALTER ROLE app WITH NOSUCHOPTION")
    (world.backups / "all.sql").write_bytes(broken)

    code, report = world.drill()

    assert code == 1
    assert report["reason"].startswith("the roles do not restore: ALTER ROLE app: ")
    assert "SCRAM" not in str(report)


# --- roles beside dumps ------------------------------------------------------------------------------


def test_roles_beside_the_dumps_are_proven_too(server, world):
    dump(server, world, "shop", "s.dump", "--format=custom")
    for name in ("globals-1.sql", "globals-2.sql"):
        (world.backups / name).write_bytes(server.run("pg_dumpall", "--globals-only"))
    query = (
        "{query: {name: the roles, sql: 'select rolconnlimit = 7 from pg_roles where rolname = $$app$$', "
        "expect: {equals: true}}}"
    )
    world.configure(f"[{query}]", dump=", globals: backups/globals-*.sql")

    code, report = world.drill()

    assert code == 0, report["reason"]
    assert outcomes(report)["the newest file of roles is whole"] == "passed"
    assert outcomes(report)["every role of the dumps is in the file of roles"] == "passed"
    assert not [note for note in report["notes"] if "was skipped" in note]


def test_a_role_that_no_file_creates_is_a_warning_and_a_cut_file_of_roles_fails(server, world):
    dump(server, world, "shop", "s.dump", "--format=custom")
    whole = server.run("pg_dumpall", "--globals-only")
    lines = [line for line in whole.splitlines(keepends=True) if b"readers" not in line]
    (world.backups / "globals.sql").write_bytes(b"".join(lines))
    world.configure(dump=", globals: backups/globals.sql")

    code, report = world.drill()
    (world.backups / "globals.sql").write_bytes(whole[: len(whole) // 2])
    cut, told = world.drill()

    assert code == 0, report["reason"]
    (missing,) = [c for c in report["checks"] if "in the file of roles" in c["name"]]
    assert (missing["outcome"], missing["severity"]) == ("failed", "warning")
    assert "readers" in missing["detail"]
    assert cut == 1
    assert "the newest file of roles is whole" in told["reason"]


def test_a_file_of_roles_that_is_not_there_fails(server, world):
    dump(server, world, "shop", "s.dump", "--format=custom")
    world.configure(dump=", globals: backups/globals.sql")

    code, report = world.drill()

    assert code == 1
    assert "there is a dump of the roles" in report["reason"]


def test_a_name_that_reads_like_a_connection_string_is_a_name(world, server):
    server.sql('create database "it\'s a=b" template shop', "postgres")
    try:
        server.pipe(world.backups / "s.dump", "--format=custom", database=r"dbname='it\'s a=b'")
        whole = server.run("pg_dump", r"--dbname=dbname='it\'s a=b'", "--create")
    finally:
        server.sql('drop database "it\'s a=b"', "postgres")
    configure(world, "all")

    verdicts = [world.drill()[1]["verdict"]]
    (world.backups / "s.dump").unlink()
    (world.backups / "s.sql").write_bytes(whole)
    verdicts.append(world.drill()[1]["verdict"])

    assert verdicts == ["verified", "verified"]


def test_an_error_in_a_file_of_pg_dumpall_names_the_object_and_the_line_of_the_file(world, server):
    text = server.run("pg_dumpall").decode()
    lines = text.splitlines(keepends=True)
    begun = lines.index("COPY public.orders (id) FROM stdin;\n")
    lines[begun + 3] = "three\n"
    (world.backups / "all.sql").write_text("".join(lines))
    configure(world, "all")

    _, report = world.drill()

    end = lines.index("\\.\n", begun) + 1
    assert report["verdict"] == "failed"
    assert f"in TABLE DATA public.orders (line {end})" in report["reason"]


def test_a_file_of_pg_dumpall_without_rows_is_called_by_its_name(world, server):
    (world.backups / "all.sql").write_bytes(server.run("pg_dumpall", "--schema-only"))
    configure(world, "all")

    _, report = world.drill()

    assert report["verdict"] == "failed"
    assert any("--schema-only" in note for note in report["notes"])
