"""Who may read a repository, from pgBackRest's configuration."""

import pwd
from pathlib import Path

import pytest

from restorecheck.postgres.physical import pgbackrest_config


@pytest.fixture
def owned(tmp_path, monkeypatch):
    """Folder of a repository and its configuration; the owners are said by the name of each path."""
    owners = {"backup": "barman", "pgbackrest.conf": "postgres"}

    def entry(name):
        numbers = {"root": 0, "postgres": 101, "barman": 102}
        return pwd.struct_passwd((name, "x", numbers[name], 1, "", "/", "/bin/sh"))

    def said(path):
        return entry(owners.get(path.name, "root")) if path.exists() else None

    monkeypatch.setattr(pgbackrest_config, "_owner", said)
    (tmp_path / "repo" / "backup").mkdir(parents=True)
    return tmp_path


def configure(folder, text):
    path = folder / "pgbackrest.conf"
    path.write_text(text)
    return str(path)


def reader(config, repo=1):
    found = pgbackrest_config.owner_of(config, "shop", repo)
    return found.pw_name if found else ""


def test_the_owner_of_a_local_repository_reads_it(owned):
    config = configure(owned, f"[global]\nrepo1-path={owned}/repo\n")

    assert reader(config) == "barman"


@pytest.mark.parametrize("section", ["shop", "global"])
def test_a_repository_may_be_named_by_its_stanza(owned, section):
    config = configure(
        owned, f"[{section}]\nrepo2-path={owned}/repo\n[other]\nrepo2-path=/nowhere\n"
    )

    assert reader(config, 2) == "barman"


def test_the_environment_goes_before_a_file(owned, monkeypatch):
    monkeypatch.setenv("PGBACKREST_REPO1_PATH", f"{owned}/repo")
    config = configure(owned, "[global]\nrepo1-path=/nowhere\n")

    assert reader(config) == "barman"
    assert "PGBACKREST_REPO1_PATH" in pgbackrest_config.environment()
    assert "PATH" not in pgbackrest_config.environment()


@pytest.mark.parametrize("text", ["[global]\nrepo1-type=s3\nrepo1-path=/nowhere\n", "no section\n"])
def test_without_a_local_repository_the_owner_of_the_configuration_reads_it(owned, text):
    assert reader(configure(owned, text)) == "postgres"


def test_files_of_pgbackrests_own_are_read_where_none_is_named(owned, monkeypatch):
    monkeypatch.setattr(pgbackrest_config, "DEFAULTS", (f"{owned}/no.conf", f"{owned}/*.conf"))
    configure(owned, f"[global]\nrepo1-path={owned}/repo\n")

    assert reader(None) == "barman"


def test_root_is_no_reader(owned):
    config = configure(owned, "[global]\nrepo1-path=/nowhere\n")
    Path(config).rename(owned / "roots.conf")

    assert reader(f"{owned}/roots.conf") == ""
    assert reader(f"{owned}/gone.conf") == ""


@pytest.mark.parametrize(
    ("lines", "beside", "writable"),
    [
        ("[shop]\npg1-path=/data\n", True, "the same user owns it"),
        ("[global]\nrepo1-type=s3\n[shop]\npg1-path=/data\n", False, "the keys of s3 are in"),
        ("[global]\nrepo1-host=backup\n[shop]\npg1-path=/data\n", False, ""),
        ("[shop]\npg1-path=/data\npg1-host=db\n", False, ""),
    ],
)
def test_a_configuration_tells_where_the_repository_is(tmp_path, lines, beside, writable):
    config = tmp_path / "pgbackrest.conf"
    config.write_text(lines)

    found = pgbackrest_config.repository(str(config), "shop", 1)

    assert found.beside_the_database is beside
    assert (found.writable_by or "").startswith(writable)
    assert bool(found.writable_by) is bool(writable)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ("", None),
        ("repo1-retention-full=2\n", 2),
        ("repo1-retention-full=9\nrepo1-retention-full-type=time\n", None),
    ],
)
def test_a_configuration_tells_how_many_full_backups_are_kept(tmp_path, lines, kept):
    config = tmp_path / "pgbackrest.conf"
    config.write_text(f"[global]\n{lines}")

    assert pgbackrest_config.retention(str(config), "shop", 1) == kept
