"""How many full backups Barman keeps, of its configuration."""

import pytest

from restorecheck.postgres.physical import barman_config

MAIN = (
    "[barman]\nbarman_home = /var/lib/barman\nconfiguration_files_directory = {folder}/barman.d\n"
)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(
        barman_config, "PLACES", (f"{tmp_path}/none.conf", f"{tmp_path}/barman.conf")
    )
    (tmp_path / "barman.d").mkdir()

    def of(server, main="", home="/var/lib/barman"):
        (tmp_path / "barman.conf").write_text(MAIN.format(folder=tmp_path) + main)
        (tmp_path / "barman.d" / "shop.conf").write_text(f"[shop]\n{server}")
        return barman_config.retention(home, "shop")

    return of


@pytest.mark.parametrize(
    ("server", "main", "count"),
    [
        ("retention_policy = REDUNDANCY 3\n", "", 3),
        ("retention_policy = redundancy 1\nminimum_redundancy = 2\n", "", 2),
        ("", "retention_policy = 'REDUNDANCY 4'\n", 4),
        ("retention_policy = REDUNDANCY 3\n", "retention_policy = REDUNDANCY 9\n", 3),
        ("retention_policy = RECOVERY WINDOW OF 7 DAYS\n", "", None),
        ("", "", None),
        ("no value\nretention_policy\n", "", None),
    ],
)
def test_a_number_of_backups_is_kept(kept, server, main, count):
    assert kept(server, main) == count


def test_the_configuration_of_another_folder_says_nothing(kept):
    assert kept("retention_policy = REDUNDANCY 3\n", home="/srv/barman") is None


def test_without_a_configuration_nothing_is_known(monkeypatch):
    monkeypatch.setattr(barman_config, "PLACES", ())

    assert barman_config.retention("/var/lib/barman", "shop") is None
