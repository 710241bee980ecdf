"""WAL for a server that may not ask for it: what restore_command gets, and what is written down."""

import os
import shlex
import struct
import subprocess
import threading

import pytest

from restorecheck.errors import CapacityError
from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres.physical.broker import Broker
from restorecheck.postgres.physical.source import ArchiveAnswer, FromArchive

SIZE = 1 << 16
NAME = "000000010000000000000003"
THERE, ABSENT = FromArchive(ArchiveAnswer.FETCHED), FromArchive(ArchiveAnswer.ABSENT)


def segment(*, number=3, system=77, length=SIZE):
    head = struct.pack("<HHIQIxxxxQII", 0xD116, 2, 1, number * SIZE, 0, system, SIZE, 8192)
    return head.ljust(length, b"w")[:length]


class Archive:
    """Gives one content after the other, the last for ever; an answer stands for itself."""

    def __init__(self, *contents):
        self.contents = list(contents)

    def fetch(self, _name, to):
        content = self.contents.pop(0) if len(self.contents) > 1 else self.contents[0]
        if isinstance(content, bytes):
            to.write_bytes(content)
            return THERE
        return content


@pytest.fixture
def brokers(tmp_path):
    made = []

    def of(archive, screen=None):
        place = tmp_path / "recovery"
        place.mkdir(exist_ok=True)
        broker = Broker(
            folder=place,
            data=tmp_path,
            account=None,
            fetch=archive.fetch,
            size=SIZE,
            system_identifier="77",
            stop=threading.Event(),
            second_look=0.0,
            screen=screen,
        )
        made.append(broker)
        command = broker.start()

        def want(name, place="here"):
            line = command.replace("%p", place).replace("%f", shlex.quote(name))
            argv = ["/bin/sh", "-c", line.replace("%%", "%")]  # as system(3), of the server
            return subprocess.run(argv, cwd=tmp_path, check=False, timeout=20).returncode

        return broker, want

    yield of
    for broker in made:
        broker.end(5)


@pytest.fixture
def asked(brokers):
    def ask(archive, name=NAME, screen=None):
        broker, want = brokers(archive, screen)
        return broker, want(name)

    return ask


def test_a_segment_is_handed_over_and_written_down(asked, tmp_path):
    broker, code = asked(Archive(segment()))

    assert code == 0
    assert (tmp_path / "here").read_bytes() == segment()
    assert [(r.name, r.answer) for r in broker.requests] == [(NAME, ArchiveAnswer.FETCHED)]
    assert broker.refused is None


def test_what_the_archive_does_not_have_ends_recovery(asked, tmp_path):
    broker, code = asked(Archive(ABSENT))

    assert code == 1
    assert not (tmp_path / "here").exists()
    assert broker.refused is None


def test_an_archive_that_does_not_answer_ends_the_server_and_says_nothing_of_the_backup(asked):
    broker, code = asked(Archive(FromArchive(ArchiveAnswer.UNKNOWN, "no route to host")))

    assert code > 125
    assert isinstance(broker.refused, Unclear)
    assert "no route to host" in broker.refused.reason


def test_a_disk_that_has_no_room_for_a_segment_is_named_and_not_the_archive(asked, tmp_path):
    full = FromArchive(ArchiveAnswer.UNKNOWN, "unable to write: [28] No space left on device")
    broker, code = asked(Archive(full))

    assert code > 125
    assert isinstance(broker.refused, Unclear)
    assert f"{NAME} could not be written to the disk" in broker.refused.reason
    assert "postgres.work_dir" in broker.refused.hint
    with pytest.raises(CapacityError, match="could not be written to the disk"):
        broker.fetch_again(NAME, tmp_path / "again")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (segment(length=SIZE - 1), "65,535 bytes, not 65,536"),
        (segment(length=0), "0 bytes"),
        (segment(system=78), "another cluster"),
        (FromArchive(ArchiveAnswer.DAMAGED, "cannot be decompressed: x"), "cannot be decompressed"),
    ],
)
def test_a_segment_that_cannot_be_it_fails_the_backup(asked, content, words, tmp_path):
    broker, code = asked(Archive(content))

    assert code > 125
    assert isinstance(broker.refused, Broken)
    assert words in broker.refused.reason
    assert not (tmp_path / "here").exists()


def test_a_segment_that_is_being_written_is_whole_at_the_second_look(asked):
    broker, code = asked(Archive(segment(length=100), segment()))

    assert code == 0
    assert broker.refused is None


def test_a_history_file_has_no_header_and_any_length(asked):
    _, code = asked(Archive(b"1\t0/5000158\tno recovery target specified\n"), "00000002.history")

    assert code == 0


@pytest.mark.parametrize("name", ["../../../etc/passwd", "x", "00000001"])
def test_nothing_but_wal_is_asked_of_the_archive(asked, name):
    broker, code = asked(Archive(segment()), name)

    assert code > 125
    assert broker.requests == []


def test_a_segment_is_the_servers_to_write_and_no_copy_is_left(asked, tmp_path):
    asked(Archive(segment()))

    assert (tmp_path / "here").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "recovery" / "incoming").iterdir()] == ["ahead"]


def test_an_answer_that_a_killed_shell_left_is_not_taken_for_that_of_another_request(
    brokers, tmp_path
):
    _, want = brokers(Archive(segment()))
    left = os.open(tmp_path / "recovery" / "answer", os.O_RDWR)
    os.write(left, b"000000010000000000000002 0\n")

    assert want(NAME) > 125
    os.close(left)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_linked_file_of_the_archive_is_copied_before_the_server_may_write_to_it(
    asked, tmp_path, link
):
    archived = tmp_path / "archived"
    archived.write_bytes(segment())
    archived.chmod(0o440)

    class Linking(Archive):
        def fetch(self, _name, to):
            link(archived, to)
            return THERE

    _, code = asked(Linking())
    (tmp_path / "here").write_bytes(b"recycled")

    assert code == 0
    assert archived.read_bytes() == segment()
    assert archived.stat().st_mode & 0o777 == 0o440


@pytest.mark.parametrize("place", ["../here", "/etc/here", "a/../../here", "link/here"])
def test_no_segment_leaves_the_data_directory(brokers, tmp_path, place):
    (tmp_path / "outside").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    _, want = brokers(Archive(segment()))

    assert want(NAME, place) > 125
    assert list((tmp_path / "outside").iterdir()) == []
    assert not (tmp_path.parent / "here").exists()


def test_a_link_where_the_segment_belongs_is_replaced_not_followed(asked, tmp_path):
    (tmp_path / "other").write_text("production's")
    (tmp_path / "here").symlink_to(tmp_path / "other")

    _, code = asked(Archive(segment()))

    assert code == 0
    assert (tmp_path / "here").read_bytes() == segment()
    assert (tmp_path / "other").read_text() == "production's"


def test_a_segment_that_the_server_must_not_replay_is_not_handed_over(asked):
    broker, code = asked(Archive(segment()), screen=lambda path: f"{path.name} makes a tablespace")

    assert code == 200
    assert isinstance(broker.refused, Unclear)
    assert "makes a tablespace" in broker.refused.reason


def test_a_segment_that_was_looked_into_is_handed_over(asked):
    assert asked(Archive(segment()), screen=lambda _: "")[1] == 0


# --- the next one is fetched while the server replays ------------------------------------------

NEXT = NAME[:-1] + "4"


def test_the_next_segment_is_fetched_once_before_the_server_wants_it(brokers, tmp_path):
    archive = Archive(segment(), segment(number=4), ABSENT)
    broker, want = brokers(archive)

    assert (want(NAME), want(NEXT)) == (0, 0)
    assert (tmp_path / "here").read_bytes() == segment(number=4)
    assert archive.contents == [ABSENT]
    assert [r.name for r in broker.requests] == [NAME, NEXT]


@pytest.mark.parametrize(
    "at_first", [ABSENT, FromArchive(ArchiveAnswer.UNKNOWN, "x"), segment(number=4, length=100)]
)
def test_what_could_not_be_fetched_before_it_was_wanted_is_asked_for_again(brokers, at_first):
    broker, want = brokers(Archive(segment(), at_first, segment(number=4), ABSENT))

    assert (want(NAME), want(NEXT)) == (0, 0)
    assert broker.refused is None


def test_another_file_than_the_next_one_is_not_taken_for_it(brokers, tmp_path):
    history = b"1\t0/5000158\tno recovery target specified\n"
    _, want = brokers(Archive(segment(), segment(number=4), history, segment(number=4), ABSENT))

    assert (want(NAME), want("00000002.history")) == (0, 0)
    assert (tmp_path / "here").read_bytes() == history
    assert want(NEXT) == 0
    assert (tmp_path / "here").read_bytes() == segment(number=4)


def test_the_last_segment_ends_recovery_at_the_servers_own_request(brokers):
    broker, want = brokers(Archive(segment(), ABSENT))

    assert (want(NAME), want(NEXT)) == (0, 1)
    assert [r.answer for r in broker.requests] == [ArchiveAnswer.FETCHED, ArchiveAnswer.ABSENT]
