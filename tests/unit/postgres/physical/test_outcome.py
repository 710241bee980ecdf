"""What the end of a recovery says of the backup."""

from dataclasses import replace

import pytest

from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres.physical import broker, outcome
from restorecheck.postgres.physical.broker import WalRequest
from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.outcome import LastSegment, Reached
from restorecheck.postgres.physical.source import ArchiveAnswer

SIZE = 1 << 20
NEWEST = "000000010000000000000013"
REACHED = Reached(lsn=0x1380000, timeline=1, last_record=0x137FF00)
WHOLE = LastSegment(last_record=0x137FF00)


def test_the_end_of_the_archive_is_reached_when_its_last_record_was_replayed():
    assert outcome.gap(REACHED, NEWEST, WHOLE, SIZE) == ""


@pytest.mark.parametrize(
    ("newest", "last", "words"),
    [
        ("000000010000000000000014", WHOLE, "the archive has WAL up to 000000010000000000000014"),
        ("000000020000000000000005", WHOLE, "the archive has WAL up to 000000020000000000000005"),
        (NEWEST, LastSegment(problem="is damaged: x"), f"the last segment {NEWEST} is damaged: x"),
        (NEWEST, LastSegment(last_record=0x1380000), "has a later record at 0/1380000"),
        (NEWEST, LastSegment(last_record=0x1390000), "has a later record at 0/1390000"),
    ],
)
def test_what_the_archive_holds_behind_the_end_of_recovery_is_a_gap(newest, last, words):
    assert words in outcome.gap(REACHED, newest, last, SIZE)


def test_a_segment_that_came_with_the_backup_and_is_not_archived_yet_is_no_gap():
    older = "000000010000000000000012"

    assert outcome.gap(REACHED, older, LastSegment(absent=True), SIZE) == ""


def test_the_log_of_a_recovery_is_read():
    says = outcome.read_log(
        [
            "00000|LOG:  consistent recovery state reached at 0/9000120",
            "00000|LOG:  redo done at 0/137FF00 system usage: CPU: user: 0.00 s",
            "00000|LOG:  selected new timeline ID: 2",
        ]
    )

    assert (says.consistent_at, says.last_record, says.new_timeline) == (0x9000120, 0x137FF00, 2)
    assert outcome.read_log([]) == outcome.LogSays(None, None, None)
    newer = outcome.read_log(["consistent recovery state reached at 0/9000120, and more"])
    assert newer.consistent_at == 0x9000120


@pytest.mark.parametrize("words", outcome.BAD)
def test_what_the_server_says_of_files_and_wal_is_about_the_backup(words):
    told = outcome.explain([f"XX000|FATAL:  so {words} it is"], None)

    assert isinstance(told, Broken)
    assert words in told.reason


@pytest.mark.parametrize("words", outcome.OURS)
def test_what_the_server_says_of_this_machine_is_not_about_the_backup(words):
    also = '58P01|FATAL:  could not open file "base/1"'

    assert isinstance(outcome.explain([f"XX000|FATAL:  so {words} it is", also], None), Unclear)


def test_a_disk_that_fills_up_under_the_server_is_named_with_what_to_do():
    fatal = '53100|FATAL:  could not extend file "base/1/2": No space left on device'

    told = outcome.explain([fatal, '58P01|FATAL:  could not open file "base/1"'], None)

    assert isinstance(told, Unclear)
    assert told.reason.endswith("No space left on device")
    assert "postgres.work_dir" in told.hint


def test_an_end_without_a_word_or_with_unknown_words_says_nothing_of_the_backup():
    assert isinstance(outcome.explain([], None), Unclear)
    assert isinstance(outcome.explain(["XX000|FATAL:  the moon is full"], None), Unclear)
    assert isinstance(outcome.explain(["00000|LOG:  has wrong size"], None), Unclear)


def test_what_the_archive_could_not_give_goes_before_what_the_server_makes_of_it():
    lines = [
        "XX000|FATAL:  could not restore file: exit code 200; WAL ends before consistent recovery point"
    ]
    ours = Unclear(reason="the archive did not answer")

    assert outcome.explain(lines, ours) is ours


def test_control_characters_of_a_message_are_not_repeated():
    told = outcome.explain(["XX000|FATAL:  requested timeline \x1b[31m 2"], None)

    assert told.reason.endswith("requested timeline ?[31m 2")


def test_every_request_is_told_and_what_follows_each_other_is_one_line():
    def asked(name, answer=ArchiveAnswer.FETCHED):
        return WalRequest(name, answer, 0.25)

    lines = broker.told(
        [
            asked("00000002.history", ArchiveAnswer.ABSENT),
            asked("A"), asked("B"), asked("C"),
            asked("D", ArchiveAnswer.ABSENT), asked("E", ArchiveAnswer.ABSENT),
            asked("F"),
        ]
    )  # fmt: skip

    assert lines == [
        "00000002.history: not in the archive in 0.2 s",
        "A to C: 3 files fetched in 0.8 s",
        "D: not in the archive in 0.2 s",
        "E: not in the archive in 0.2 s",
        "F: fetched in 0.2 s",
    ]


@pytest.mark.parametrize(
    ("moment", "settings"),
    [
        (Moment(), {}),
        (
            Moment("immediate"),
            {"recovery_target": "immediate", "recovery_target_timeline": "current"},
        ),
        (
            Moment("time", "2026-02-27 04:15:00+01"),
            {"recovery_target_time": "2026-02-27 03:15:00.000000+00"},
        ),
        (Moment("lsn", "0/5000000"), {"recovery_target_lsn": "0/5000000"}),
    ],
)
def test_a_moment_becomes_settings_of_the_server(moment, settings):
    common = {"recovery_target_action": "promote", "recovery_target_timeline": "latest"}

    assert moment.settings() == common | settings


def test_a_segment_of_a_later_timeline_is_where_recovery_ended():
    assert replace(REACHED, timeline=2).segment(SIZE).name(SIZE) == "000000020000000000000013"


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ('FATAL:  could not open file "base/5/1259": No such file or directory', True),
        ("FATAL:  invalid page in block 3 of relation base/5/1259", True),
        ('FATAL:  could not read block 1 in file "base/5/1249": read only 0 of 8192 bytes', True),
        ('FATAL:  could not open file "base/5/1259": Permission denied', False),
        ('FATAL:  role "postgres" does not exist', False),
    ],
)
def test_a_lost_file_of_a_catalog_is_damage_and_other_refusals_are_not(said, lost):
    assert bool(outcome.lost_file(said)) is lost


@pytest.mark.parametrize(
    "said",
    [
        'directory "/srv/late" does not exist',
        'could not set permissions on directory "/srv/late": Operation not permitted',
    ],
)
def test_a_tablespace_that_was_made_after_the_backup_is_no_damage(said):
    told = outcome.explain([f"58P01|FATAL:  {said}"], None)

    assert isinstance(told, Unclear)
    assert "/srv/late" in told.reason
    assert told.hint == outcome.LATER_SPACE
