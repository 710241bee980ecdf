"""What is about this machine, and not about a backup."""

from datetime import UTC, datetime

import pytest

from restorecheck.errors import CapacityError
from restorecheck.postgres.physical import source
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.cluster import Places


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """On a disk with room."""
    monkeypatch.setattr(cluster, "is_almost_full", lambda _directory: False)
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    return Workshop(places=Places(directory=tmp_path), account=None, installations=(), now=now)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ('could not write to file "base/1/1255", offset 0: wrote 327680 of 409600', True),
        ("could not create directory: No space left on device", True),
        ("Disk quota exceeded", True),
        ('backup at "x" starts at LSN 0/5, but expected 0/4', False),
    ],
)
def test_a_program_that_finds_no_room_says_nothing_of_the_backup(workshop, said, ours):
    assert source.is_about_room(said, workshop.places.directory) is ours


def test_a_full_disk_explains_any_error(workshop, monkeypatch):
    monkeypatch.setattr(cluster, "is_almost_full", lambda _directory: True)

    assert source.is_about_room("anything", workshop.places.directory)


def test_a_restore_that_does_not_fit_is_not_begun(workshop):
    source.room_for(1000, workshop)

    with pytest.raises(CapacityError, match="the restore needs"):
        source.room_for(1 << 60, workshop)
