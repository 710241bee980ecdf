"""What a `backup.info` of Barman says; its lines are those of 3.4 and 3.19."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from restorecheck.postgres.physical import barman_config
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.physical.sources.barman import Barman, parse
from restorecheck.postgres.server.cluster import Places

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FULL, INCREMENT = "20261129T030000", "20261129T040000"
INFO = """backup_name=None
begin_time={began}
begin_xlog=0/5000028
end_time=2026-11-29 03:05:00.5+00:00
end_xlog=0/5000138
error=None
mode=postgres
parent_backup_id={parent}
size=32659392
status={status}
systemid=7440000000000000001
tablespaces={spaces}
version=170010
"""


def described(
    folder, name, status="DONE", parent=None, spaces=None, began="2026-11-29 03:00:00+00:00"
):
    base = folder / "shop" / "base" / name
    (base / "data").mkdir(parents=True)
    meta = folder / "shop" / "meta"
    meta.mkdir(exist_ok=True)
    text = INFO.format(status=status, parent=parent, spaces=spaces, began=began)
    (meta / f"{name}-backup.info").write_text(text)


def listed(folder):
    source = Barman(home=str(folder), server="shop")
    places = Places(directory=folder / "drill")
    workshop = Workshop(places=places, account=None, installations=(), now=NOW)
    return source, {b.name: b for b in source.backups(workshop)}


def test_a_description_says_where_a_backup_begins_and_ends(tmp_path):
    described(tmp_path, FULL)

    _, found = listed(tmp_path)
    backup = found[FULL]

    assert (backup.starts_at, backup.ends_at, backup.major) == (0x5000028, 0x5000138, 17)
    assert backup.size_bytes == 32659392
    assert backup.stopped_at == datetime(2026, 11, 29, 3, 5, 0, 500000, UTC)
    assert (backup.problem, backup.in_progress, backup.needs) == ("", False, ())


@pytest.mark.parametrize(
    ("status", "began", "problem", "in_progress"),
    [
        ("WAITING_FOR_WALS", NOW - timedelta(hours=1), "", False),
        ("FAILED", NOW - timedelta(hours=1), "failed, according to Barman", False),
        ("STARTED", NOW - timedelta(hours=1), "was interrupted (status STARTED)", True),
        ("STARTED", NOW - timedelta(days=2), "was interrupted (status STARTED)", False),
    ],
)
def test_only_a_backup_that_was_copied_is_whole(tmp_path, status, began, problem, in_progress):
    described(tmp_path, FULL, status, began=str(began))

    _, found = listed(tmp_path)

    assert (found[FULL].problem, found[FULL].in_progress) == (problem, in_progress)


@pytest.mark.parametrize(
    ("full", "problem"),
    [
        ("DONE", ""),
        ("FAILED", f"builds on {FULL}, which failed, according to Barman"),
        (None, f"builds on the backup {FULL}, which is missing"),
    ],
)
def test_an_incremental_backup_is_as_good_as_what_it_builds_on(tmp_path, full, problem):
    described(tmp_path, INCREMENT, parent=FULL)
    if full:
        described(tmp_path, FULL, full)

    _, found = listed(tmp_path)

    assert found[INCREMENT].problem == problem
    assert found[INCREMENT].needs == ((FULL,) if full else ())


def test_a_folder_without_description_is_not_a_whole_backup(tmp_path):
    base = tmp_path / "shop" / "base" / FULL
    base.mkdir(parents=True)
    os.utime(base, (NOW.timestamp() - 600,) * 2)

    _, found = listed(tmp_path)

    assert not found[FULL].in_progress
    assert "missing or unreadable" in found[FULL].problem


def test_tablespaces_are_beside_the_data_whatever_its_links_say(tmp_path):
    described(tmp_path, FULL, spaces="[('aside', 16387, '/gone')]")
    (tmp_path / "shop" / "base" / FULL / "16387").mkdir()

    source, _ = listed(tmp_path)

    assert source.spaces_of(FULL) == {"16387": tmp_path / "shop" / "base" / FULL / "16387"}


def test_a_value_that_is_none_is_no_value():
    assert parse("error=None\nmode=a=b\nnonsense\n") == {"error": "", "mode": "a=b"}


def test_a_folder_that_changed_just_now_may_soon_have_its_description(tmp_path):
    base = tmp_path / "shop" / "base" / FULL
    base.mkdir(parents=True)
    os.utime(base, (NOW.timestamp() - 30,) * 2)

    _, found = listed(tmp_path)

    assert found[FULL].in_progress


def test_tars_of_barman_cloud_lie_beside_the_description(tmp_path):
    described(tmp_path, FULL, spaces="[('aside', 16387, '/gone')]")
    base = tmp_path / "shop" / "base" / FULL
    (base / "data").rmdir()
    (base / "data.tar.gz").touch()

    source, _ = listed(tmp_path)

    assert source.folders[FULL] == base
    assert source.spaces_of(FULL) == {"16387": base}


def test_what_the_next_full_backup_expires_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(barman_config, "retention", lambda _home, _server: 2)
    days = [f"2026112{day}T030000" for day in range(5, 9)]
    for day in days:
        described(tmp_path, day, began=f"{day[:4]}-{day[4:6]}-{day[6:8]} 03:00:00+00:00")
    described(tmp_path, "20261128T040000", parent=days[3])
    described(tmp_path, "20261127T040000", parent=days[2], began="2026-11-27 04:00:00+00:00")
    keep = tmp_path / "shop" / "base" / days[0] / "annotations" / "keep"
    keep.parent.mkdir(parents=True)
    keep.touch()

    source, found = listed(tmp_path)

    gone = source.expiring(sorted(found.values(), key=lambda b: b.name))
    assert gone == tuple(f"Barman shop: {n}" for n in (days[1], days[2], "20261127T040000"))
    monkeypatch.setattr(barman_config, "retention", lambda _home, _server: None)
    assert source.expiring(list(found.values())) == ()
