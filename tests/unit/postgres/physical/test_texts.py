"""backup_label and backup_manifest, as PostgreSQL writes them."""

import json
from datetime import UTC, datetime

from restorecheck.postgres.physical import backup_label, manifest

LABEL = """START WAL LOCATION: 0/9000028 (file 000000010000000000000009)
CHECKPOINT LOCATION: 0/9000080
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-29 20:07:30 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 1
"""
AT = datetime(2026, 11, 29, 20, 7, 30, tzinfo=UTC)


def test_a_label_says_where_a_backup_begins():
    label = backup_label.parse(LABEL)

    assert label is not None
    assert (label.start, label.timeline, label.started_at) == (0x9000028, 1, AT)
    assert not label.from_standby
    assert label.builds_on is None


def test_a_label_says_what_an_incremental_backup_builds_on_and_that_a_standby_was_asked():
    more = LABEL.replace("primary", "standby") + "INCREMENTAL FROM LSN: 0/7000028\n"

    label = backup_label.parse(more)

    assert label is not None
    assert (label.builds_on, label.from_standby) == (0x7000028, True)


def test_a_time_in_a_zone_of_three_letters_is_not_taken_for_utc():
    label = backup_label.parse(LABEL.replace("UTC", "CET"))

    assert label is not None
    assert label.started_at is None


def test_other_texts_are_no_labels():
    for text in ("", "START WAL LOCATION:", "START WAL LOCATION: x (file y)", "[Stub]"):
        assert backup_label.parse(text) is None


MANIFEST = {
    "PostgreSQL-Backup-Manifest-Version": 2,
    "System-Identifier": 7301,
    "Files": [
        {"Path": "a", "Size": 10, "Last-Modified": "2026-11-29 20:07:30 GMT"},
        {"Path": "b", "Size": 32, "Last-Modified": "2026-11-29 20:07:29 GMT"},
    ],
    "WAL-Ranges": [{"Timeline": 1, "Start-LSN": "0/9000028", "End-LSN": "0/9000120"}],
}


def test_a_manifest_says_size_end_and_cluster():
    known = manifest.parse(json.dumps(MANIFEST).encode())

    assert known is not None
    assert (known.size_bytes, known.files, known.ends_at) == (42, 2, 0x9000120)
    assert (known.system_identifier, known.newest_file) == ("7301", AT)


def test_a_cut_manifest_is_none():
    text = json.dumps(MANIFEST).encode()

    assert all(manifest.parse(text[:length]) is None for length in range(len(text)))
