"""Dumps of managed services, and what of an extension is left out with it."""

from pathlib import Path

import pytest

from restorecheck.postgres.dump.load_plan import left_to_the_service, omission_notes, service_note
from restorecheck.postgres.dump.server_choice import settings_for
from restorecheck.postgres.dump.settings import ServerOptions
from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.extensions import members_of_extensions
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.needs import Collation, Needs
from restorecheck.postgres.dumpfiles.services import service_of
from restorecheck.postgres.server.binaries import Installation, ProgramSource


def entry(desc: str, tag: str, namespace: str = "") -> TocEntry:
    return TocEntry(
        dump_id=1, has_data=False, tag=tag, desc=desc, defn="", namespace=namespace, owner=""
    )


def dump(*entries: TocEntry, roles=(), extensions=()) -> Inspection:
    needs = Needs(roles=tuple(roles), extensions=tuple(extensions))
    return Inspection(
        path=Path("a.dump"), size_bytes=1, mtime_ns=1, entries=tuple(entries), needs=needs
    )


def installation(tmp_path, *extensions, libraries=()) -> Installation:
    (tmp_path / "share" / "extension").mkdir(parents=True)
    (tmp_path / "lib").mkdir()
    for name in extensions:
        (tmp_path / "share" / "extension" / f"{name}.control").touch()
    for name in libraries:
        (tmp_path / "lib" / f"{name}.so").touch()
    return Installation(bin_dir=tmp_path / "bin", source=ProgramSource.INSTALLED, major=17, minor=0)


@pytest.mark.parametrize(
    ("role", "service"),
    [
        ("rds_superuser", "Amazon RDS"),
        ("cloudsqlsuperuser", "Google Cloud SQL"),
        ("alloydbsuperuser", "Google AlloyDB"),
        ("azure_pg_admin", "Azure Database for PostgreSQL"),
        ("supabase_admin", "Supabase"),
        ("neon_superuser", "Neon"),
        ("app", ""),
    ],
)
def test_a_service_is_recognised_by_its_roles(role, service):
    assert service_of(dump(roles=["app", role])) == service


def test_a_service_is_recognised_by_its_schemas_and_its_extensions():
    assert service_of(dump(entry("SCHEMA", "heroku_ext"))) == "Heroku Postgres"
    assert service_of(dump(entry("TABLE", "heroku_ext"))) == ""
    assert service_of(dump(), ["Neon"]) == "Neon"
    assert service_note(dump(), ()) == ()


def test_what_is_the_services_own_is_left_out_where_the_server_lacks_it(tmp_path):
    here = installation(tmp_path, "pg_net")
    one = dump(roles=["supabase_admin"], extensions=["pg_net", "supabase_vault", "postgis"])

    left = left_to_the_service([one, one], here)

    assert left == ("supabase_vault",)
    (note,) = service_note(one, left)
    assert note.startswith("the dump is of Supabase")
    assert "its extension supabase_vault left out" in note
    assert "left out" not in service_note(dump(roles=["rdsadmin"]), ())[0]


def test_rows_of_tables_that_the_dump_does_not_define_are_the_extensions():
    own = entry("TABLE", "users", "public"), entry("TABLE DATA", "users", "public")
    of_extension = (
        entry("TABLE DATA", "secrets", "vault"),
        entry("SEQUENCE SET", "secrets_id", "vault"),
        entry("ACL", "TABLE secrets", "vault"),
    )

    assert members_of_extensions([*own, *of_extension], rows=True) == of_extension
    assert members_of_extensions([*own, *of_extension], rows=False) == of_extension[2:]


@pytest.mark.parametrize(
    ("extensions", "ignored", "said"),
    [
        (["supabase_vault"], ["supabase_vault"], "2 entries on their objects (grants, comments, rows) were left out"),
        (["pg_cron"], ["pg_cron"], "1 entry on their objects (grants, comments) was left out"),
        (["pg_cron", "supabase_vault"], ["pg_cron", "supabase_vault"], "1 entry on their objects"),
    ],
)  # fmt: skip
def test_rows_are_left_out_only_of_extensions_that_are_a_service_s_own(extensions, ignored, said):
    entries = (entry("TABLE DATA", "secrets", "vault"), entry("ACL", "TABLE secrets", "vault"))

    notes = omission_notes(dump(*entries, extensions=extensions), ignored)

    assert said in " ".join(notes)


def test_a_server_preloads_what_the_dump_needs_and_the_server_has(tmp_path):
    here = installation(tmp_path, "pg_cron", "pgaudit", libraries=["pg_cron"])
    one = dump(extensions=["pg_cron", "pgaudit", "citus"])

    values = settings_for("shop", [one], here, ServerOptions())

    assert values["shared_preload_libraries"] == "pg_cron"
    assert values["cron.database_name"] == "shop"
    assert settings_for("shop", [dump(extensions=["hstore"])], here, ServerOptions()) == {}


def test_icu_is_needed_by_a_collation_or_by_the_database():
    german = Collation("german", "icu", "de")

    assert Needs(collations=(german,)).icu
    assert Needs(locale=(("LOCALE_PROVIDER", "icu"),)).icu
    assert not Needs(collations=(Collation("c", "libc", "C"),)).icu
