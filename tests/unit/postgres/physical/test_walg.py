"""What WAL-G prints, as its source writes it."""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from restorecheck.errors import ProviderError
from restorecheck.postgres.physical import beside, wal
from restorecheck.postgres.physical.programs import ProgramEnd
from restorecheck.postgres.physical.source import ArchiveAnswer, DamagedBackupError, Workshop
from restorecheck.postgres.physical.sources.walg import WalG
from restorecheck.postgres.server.cluster import Places

BACKUP = {
    "backup_name": "base_000000010000000000000005",
    "time": "2026-11-29T03:05:00Z",
    "start_time": "2026-11-29T03:00:00.123456789Z",
    "finish_time": "2026-11-29T03:04:59Z",
    "pg_version": 170002,
    "start_lsn": 83886120,
    "finish_lsn": 83886592,
    "system_identifier": 7440000000000000001,
    "uncompressed_size": 30000000,
}


@dataclass(frozen=True, kw_only=True)
class Fake(WalG):
    """Ends like this instead of running WAL-G."""

    end: ProgramEnd = field(default_factory=lambda: ProgramEnd(0, "", ""))

    def _run(self, workshop, *arguments, writes=None):  # noqa: ARG002  # the same signature
        return self.end


@pytest.fixture
def workshop(tmp_path):
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    return Workshop(places=Places(directory=tmp_path), account=None, installations=(), now=now)


def said(out):
    return Fake(end=ProgramEnd(0, json.dumps(out), ""))


def test_a_list_says_when_and_where_backups_begin_and_end(workshop):
    (found,) = said([BACKUP]).backups(workshop)

    assert (found.major, found.starts_at, found.ends_at) == (17, 83886120, 83886592)
    assert found.ended == datetime(2026, 11, 29, 3, 4, 59, tzinfo=UTC)
    assert found.system_identifier == "7440000000000000001"


def test_what_an_older_wal_g_does_not_say_is_not_known(workshop):
    old = {
        "backup_name": "b",
        "time": "2026-11-29T03:05:00Z",
        "finish_time": "0001-01-01T00:00:00Z",
    }

    (found,) = said([old]).backups(workshop)

    assert (found.major, found.size_bytes, found.system_identifier) == (None, None, "")
    assert found.ended == datetime(2026, 11, 29, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "end", [ProgramEnd(0, "[]", ""), ProgramEnd(0, "", "INFO: No backups found")]
)
def test_an_empty_storage_has_no_backup(workshop, end):
    assert Fake(end=end).backups(workshop) == []


@pytest.mark.parametrize(
    "end", [ProgramEnd(1, "", "ERROR: denied"), ProgramEnd(0, "INFO: x", ""), ProgramEnd(0, "", "")]
)
def test_a_list_that_cannot_be_read_is_no_empty_one(workshop, end):
    with pytest.raises(ProviderError):
        Fake(end=end).backups(workshop)


def test_the_newest_segment_is_that_of_the_newest_timeline(workshop):
    lines = [
        {"end_segment": "000000010000000000000009"},
        {"end_segment": "000000020000000000000003"},
        {},
    ]

    assert said(lines).newest_segment(workshop) == "000000020000000000000003"
    assert said(None).newest_segment(workshop) == ""


SHOWN = [
    {"start_segment": "000000010000000000000002", "end_segment": "000000010000000000000007"},
    {
        "start_segment": "000000020000000000000007",
        "end_segment": "000000020000000000000009",
        "missing_segments": ["000000020000000000000008"],
    },
    {"start_segment": "", "end_segment": ""},
]


def test_segments_that_the_archive_has_not_are_known_from_the_backup_on(workshop):
    (workshop.chosen,) = said([BACKUP]).backups(workshop)

    there = said(SHOWN).archived(workshop)

    assert [*there] == [
        *(f"00000001000000000000000{number}" for number in "567"),
        *(f"00000002000000000000000{number}" for number in "79"),
    ]
    assert wal.missing(there, workshop.chosen.starts_at, 16 << 20) == ("000000020000000000000008",)


@pytest.mark.parametrize("unknown", [{"start_lsn": 0}, {"backup_name": "b"}])
def test_without_the_beginning_of_the_backup_no_segment_is_missed(workshop, unknown):
    (workshop.chosen,) = said([BACKUP | unknown]).backups(workshop)

    assert said(SHOWN).archived(workshop) == {}


def test_a_bucket_is_on_another_machine_and_encrypted_if_the_settings_have_a_key(
    tmp_path, monkeypatch
):
    for name in [name for name in os.environ if name.startswith("WALG_")]:
        monkeypatch.delenv(name)
    file = tmp_path / "walg.json"
    file.write_text('{"walg_s3_prefix": "s3://bucket/shop"}')
    monkeypatch.setenv("WALG_PGP_KEY_PATH", "/keys/shop")

    (told,) = WalG(settings=str(file)).repositories([])
    file.write_text("[")
    monkeypatch.delenv("WALG_PGP_KEY_PATH")

    assert told.name == "s3://bucket/shop"
    assert (told.encrypted, told.beside_the_database, told.writable_by) == (True, False, None)
    assert WalG(settings=str(file)).repositories([]) == ()


def test_a_folder_is_judged_by_whether_the_cluster_runs_here(workshop, tmp_path, monkeypatch):
    monkeypatch.setenv("WALG_FILE_PREFIX", str(tmp_path))
    running = beside.RunningCluster(str(BACKUP["system_identifier"]), "root")
    monkeypatch.setattr(beside, "clusters", lambda: (running,))
    monkeypatch.setattr(beside, "is_of_another_machine", lambda _: False)

    (told,) = WalG().repositories(said([BACKUP]).backups(workshop))

    assert (told.name, told.encrypted, told.beside_the_database) == (str(tmp_path), False, True)


@pytest.mark.parametrize(
    ("code", "err", "answer"),
    [
        (74, "ERROR: Archive '0A' does not exist.", ArchiveAnswer.ABSENT),
        (1, "ERROR: unexpected EOF", ArchiveAnswer.DAMAGED),
        (1, "ERROR: connection refused", ArchiveAnswer.UNKNOWN),
    ],
)
def test_only_exit_code_74_says_that_a_segment_is_not_there(workshop, code, err, answer):
    got = Fake(end=ProgramEnd(code, "", err)).fetch(
        "0A", workshop.places.directory / "to", workshop
    )

    assert got.answer is answer


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (ProgramEnd(1, "", "ERROR: invalid checksum"), DamagedBackupError),
        (ProgramEnd(1, "", "ERROR: access denied"), ProviderError),
        (ProgramEnd(0, "", ""), DamagedBackupError),  # without a backup_label
    ],
)
def test_a_backup_that_is_not_fetched_is_bad_or_out_of_reach(workshop, end, error):
    workshop.places.data.mkdir()
    (backup,) = said([BACKUP]).backups(workshop)

    with pytest.raises(ProviderError) as raised:
        Fake(end=end).restore(backup, workshop)

    assert type(raised.value) is error
