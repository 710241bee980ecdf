"""What pgBackRest prints, and what it says of a repository; outputs as those of 2.45 and 2.60."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from restorecheck.errors import NotFoundError, ProviderError
from restorecheck.postgres.physical.programs import ProgramEnd
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    Workshop,
)
from restorecheck.postgres.physical.sources.pgbackrest import PgBackRest
from restorecheck.postgres.server.cluster import Places

WHOLE = {"code": 0, "message": "ok"}
NONE_YET = {"code": 2, "message": "no valid backups"}


@dataclass(frozen=True, kw_only=True)
class Fake(PgBackRest):
    """Answers with these ends instead of running pgBackRest."""

    ends: dict[str, ProgramEnd] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def _run(self, workshop, *arguments, long=False):  # noqa: ARG002  # the same signature
        self.asked.append(arguments)
        return next(end for word, end in self.ends.items() if word in arguments)


@pytest.fixture
def workshop(tmp_path):
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    return Workshop(places=Places(directory=tmp_path), account=None, installations=(), now=now)


def backup(label, repo=1, database=1, stop=1000, **more):
    return {
        "label": label,
        "database": {"repo-key": repo, "id": database},
        "timestamp": {"start": stop - 10, "stop": stop},
        "lsn": {"start": "0/5000028", "stop": "0/6000028"},
        "info": {"size": 5000},
        **more,
    }


def listing(*backups, repos=(WHOLE,), code=0):
    databases = sorted({(b["database"]["repo-key"], b["database"]["id"]) for b in backups})
    stanza = {
        "name": "shop",
        "status": {"code": code, "message": "as the repositories"},
        "repo": [{"key": key, "status": status} for key, status in enumerate(repos, 1)],
        "db": [
            {"repo-key": repo, "id": number, "system-id": 70 + number, "version": str(13 + number)}
            for repo, number in databases
        ],
        "archive": [
            {
                "id": f"{13 + number}-{number}",
                "database": {"repo-key": repo, "id": number},
                "max": f"00000001000000000000000{number}",
            }
            for repo, number in databases
        ],
        "backup": backups,
    }
    return ProgramEnd(0, json.dumps([stanza]), "")


def fake(info, **more):
    return Fake(stanza="shop", ends={"info": info}, **more)


def test_backups_are_listed_with_their_cluster_the_oldest_first(workshop):
    source = fake(listing(backup("new", stop=2000), backup("old", database=2)))

    found = source.backups(workshop)

    assert [(b.name, b.major, b.system_identifier) for b in found] == [
        ("old", 15, "72"),
        ("new", 14, "71"),
    ]
    assert (found[1].starts_at, found[1].ends_at, found[1].notes) == (0x5000028, 0x6000028, ())


def test_a_backup_that_was_made_with_wrong_checksums_is_damaged(workshop):
    (found,) = fake(listing(backup("new", error=True))).backups(workshop)

    assert "wrong checksums" in found.problem


def test_backups_of_several_repositories_say_where_they_are(workshop):
    info = listing(backup("copy"), backup("copy", repo=2), repos=(WHOLE, WHOLE))

    found = fake(info).backups(workshop)

    assert [b.name for b in found] == ["copy", "copy in repository 2"]
    assert found[1].notes == ("the backup is in repository 2 of 2",)


def test_a_repository_without_backups_yet_is_whole(workshop):
    info = listing(backup("only"), repos=(NONE_YET, WHOLE), code=4)

    assert [b.name for b in fake(info).backups(workshop)] == ["only"]


def test_the_archive_is_that_of_the_chosen_backups_cluster(workshop):
    source = fake(listing(backup("old"), backup("new", database=2, stop=2000)))
    workshop.chosen = source.backups(workshop)[0]

    assert source.newest_segment(workshop) == "000000010000000000000001"


def test_a_backup_that_was_expired_meanwhile_has_no_archive(workshop):
    source = fake(listing(backup("new")))
    workshop.chosen = replace(source.backups(workshop)[0], name="expired")

    assert source.newest_segment(workshop) == ""


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ((1, "missing stanza path"), ProviderError),
        ((3, "missing stanza data"), NotFoundError),
        ((99, "[PathOpenError] unable to list: [13] Permission denied"), ProviderError),
        ((99, "[FormatError] unable to load\nFormatError: key/value found outside of section"), ProviderError),
        ((99, "[CryptoError] unable to load info file\nCryptoError: unable to flush"), ProviderError),
        ((99, "[FileMissingError] unable to load info file 'archive.info'"), DamagedBackupError),
        ((99, "[ChecksumError] unable to load info file 'backup.info'"), DamagedBackupError),
        ((99, "[FormatError] unable to load\nFormatError: invalid JSON value at line 6"), DamagedBackupError),
    ],
)  # fmt: skip
def test_a_repository_that_cannot_be_listed_is_bad_or_out_of_reach(workshop, status, error):
    code, message = status
    info = listing(repos=({"code": code, "message": message},), code=code)

    with pytest.raises(ProviderError) as raised:
        fake(info).backups(workshop)

    assert type(raised.value) is error
    assert raised.value.message.startswith("the repository ")


def test_one_of_several_repositories_that_cannot_be_read_is_named(workshop):
    info = listing(backup("new"), repos=(WHOLE, {"code": 99, "message": "closed"}), code=4)

    with pytest.raises(ProviderError, match="repository 2 cannot be read: closed") as raised:
        fake(info).backups(workshop)

    assert "physical.repo" in raised.value.hint


@pytest.mark.parametrize("out", ["", "no JSON", "[]", '[{"name": "shop"}]'])
def test_another_output_is_no_list(workshop, out):
    with pytest.raises(ProviderError, match="could not be parsed"):
        fake(ProgramEnd(0, out, "")).backups(workshop)


@pytest.mark.parametrize(
    ("code", "said", "answer"),
    [
        (1, "", ArchiveAnswer.ABSENT),
        (42, "ERROR: [042]: unable to get 0A:\n  repo1: x [CryptoError] unable to flush", ArchiveAnswer.DAMAGED),
        (42, "ERROR: [042]: unable to get 0A:\n  repo1: x [FormatError] unexpected eof", ArchiveAnswer.DAMAGED),
        (45, "ERROR: [045]: duplicates found for WAL segment 0A:\n  repo1: x, y", ArchiveAnswer.DAMAGED),
        (44, "ERROR: [044]: unable to retrieve the archive id for database version '15'", ArchiveAnswer.DAMAGED),
        (42, "ERROR: [042]: unable to get 0A:\n  repo1: x [CryptoError] unable to verify certificate", ArchiveAnswer.UNKNOWN),
        (41, "ERROR: [041]: unable to open file: [13] Permission denied", ArchiveAnswer.UNKNOWN),
    ],
)  # fmt: skip
def test_an_error_of_one_segment_is_damage_or_says_nothing(workshop, code, said, answer):
    source = fake(listing(backup("new")))
    workshop.chosen = source.backups(workshop)[0]
    source.ends["archive-get"] = ProgramEnd(code, "", f"WARN: something\n{said}\n")

    got = source.fetch("0A", workshop.places.directory / "to", workshop)

    assert got.answer is answer
    assert "WARN" not in got.said
    assert "\n" not in got.said
    assert "--repo=1" in source.asked[-1]


@pytest.fixture
def restored(workshop):
    """A data directory as after a restore."""
    (workshop.places.data / "global").mkdir(parents=True)
    for name in ("global/pg_control", "backup_label"):
        (workshop.places.data / name).write_text(name)
    workshop.folder("tablespaces")
    source = fake(listing(backup("new")))
    source.ends["restore"] = ProgramEnd(0, "", "")
    workshop.chosen = source.backups(workshop)[0]
    return source


def test_wal_is_fetched_with_the_files_by_which_pgbackrest_knows_the_cluster(workshop, restored):
    """Since 2.51 it refuses a pg_control without a backup_label, as if the archive were damaged."""
    restored.restore(workshop.chosen, workshop)

    kept = workshop.places.directory / "pgbackrest" / "pg1"
    assert (kept / "global" / "pg_control").read_text() == "global/pg_control"
    assert (kept / "backup_label").read_text() == "backup_label"


def test_nothing_that_the_configuration_says_of_production_is_followed(workshop, restored):
    restored.restore(workshop.chosen, workshop)

    for option in (
        "--reset-pg1-host",
        "--no-link-all",
        "--reset-link-map",
        "--reset-tablespace-map",
        "--reset-db-include",
    ):
        assert option in restored.asked[-1], option


def test_a_restore_without_a_label_is_damaged(workshop, restored):
    (workshop.places.data / "backup_label").unlink()

    with pytest.raises(DamagedBackupError, match="no backup_label"):
        restored.restore(workshop.chosen, workshop)


@pytest.mark.parametrize(
    ("code", "said", "error"),
    [
        (26, "ERROR: [026]: error restoring 'base/1': actual checksum", DamagedBackupError),
        (55, "ERROR: [055]: unable to open missing file", DamagedBackupError),
        (95, "ERROR: [095]: job error [CryptoError] cipher header missing", DamagedBackupError),
        (95, "ERROR: [095]: [CryptoError] unable to verify certificate", ProviderError),
        (53, "ERROR: [053]: unable to list file info: [13] Permission denied", ProviderError),
        (46, "ERROR: [046]: unexpected control version", ProviderError),
    ],
)  # fmt: skip
def test_an_error_of_a_restore_is_damage_or_says_nothing(workshop, restored, code, said, error):
    restored.ends["restore"] = ProgramEnd(code, "", said)

    with pytest.raises(ProviderError) as raised:
        restored.restore(workshop.chosen, workshop)

    assert type(raised.value) is error
