"""Dumps of a storage: which files are one dump, which are copied, and when no more are."""

import errno
import hashlib
import io
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restorecheck.errors import CapacityError, NotFoundError, ProviderError, TransientError
from restorecheck.model import EarlierSize, Select, SelectBy
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.postgres.dump import fetching
from restorecheck.postgres.dump.fetching import Fetched, dumps_among

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)


class Shelf(DumpStorage):
    """A storage in memory. It says what was read."""

    place = "shelf"

    def __init__(self, *files):
        self.listed = list(files)
        self.read_names = []

    def files(self):
        return self.listed

    def read(self, file, to, stop):  # noqa: ARG002  # memory is quick
        self.read_names.append(file.name)
        to.write(b"x" * (file.size_bytes or 0))


def stored(name, *, hours=1.0, size=3, **more):
    return StoredFile(name=name, size_bytes=size, modified_at=NOW - timedelta(hours=hours), **more)


def fetched(shelf, tmp_path, *, max_size=None, stop=None):
    return Fetched(shelf, tmp_path / "copies", max_size=max_size, stop=stop or threading.Event())


def named(files):
    return {dump.name: {f.name for f in (*dump.files, *dump.beside)} for dump in dumps_among(files)}


def test_a_checksum_belongs_to_its_dump_and_is_none_itself():
    assert named([stored("a.dump"), stored("a.dump.sha256")]) == {
        "a.dump": {"a.dump", "a.dump.sha256"}
    }


def test_the_pieces_of_a_file_are_one_dump():
    files = [stored("n/a.sql.gz.aa"), stored("n/a.sql.gz.ab"), stored("n/b.sql.gz")]
    assert named(files) == {
        "n/a.sql.gz.aa": {"n/a.sql.gz.aa", "n/a.sql.gz.ab"},
        "n/b.sql.gz": {"n/b.sql.gz"},
    }


def test_a_folder_of_the_directory_format_is_one_dump():
    files = [stored("a.dir/toc.dat"), stored("a.dir/1.dat.gz")]
    assert named(files) == {"a.dir": {"a.dir/toc.dat", "a.dir/1.dat.gz"}}


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "a/../../b.dump", "a\0.dump", ""])
def test_a_name_that_leads_out_of_the_drills_directory_is_no_dump(name):
    assert named([stored(name)]) == {}


def test_the_mark_of_a_folder_is_no_empty_dump():
    files = [stored("a.dump"), stored("b.dump/", size=0), stored("c.dir/"), stored("c.dir/toc.dat")]
    assert named(files) == {"a.dump": {"a.dump"}, "c.dir": {"c.dir/toc.dat"}}


def test_what_is_being_written_is_no_dump():
    assert named([stored("a.dump.part"), stored("a.dump.tmp")]) == {}


def test_the_newest_by_its_name_is_copied_and_no_other(tmp_path):
    shelf = Shelf(stored("shop-2026-11-26.dump", hours=0.1), stored("shop-2026-11-27.dump"))
    fetched(shelf, tmp_path).begin(NOW)
    assert shelf.read_names == ["shop-2026-11-27.dump"]


def test_each_job_has_its_newest_copied(tmp_path):
    shelf = Shelf(
        *(stored(f"{job}-2026-11-2{day}.dump") for job in ("crm", "shop") for day in (6, 7))
    )
    fetched(shelf, tmp_path).begin(NOW)
    assert sorted(shelf.read_names) == ["crm-2026-11-27.dump", "shop-2026-11-27.dump"]


def test_older_dumps_follow_one_by_one_and_ten_are_the_most(tmp_path):
    shelf = Shelf(*(stored(f"shop-2026-10-{day}.dump") for day in range(10, 30)))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    while copies.one_more():
        pass
    assert shelf.read_names == [f"shop-2026-10-{day}.dump" for day in range(29, 19, -1)]


def test_a_copy_has_the_time_of_the_storage(tmp_path):
    fetched(Shelf(stored("shop.dump", hours=30)), tmp_path).begin(NOW)
    at = (tmp_path / "copies" / "shop.dump").stat().st_mtime
    assert at == (NOW - timedelta(hours=30)).timestamp()


def test_a_copy_without_a_time_is_not_as_young_as_its_download(tmp_path):
    fetched(Shelf(StoredFile(name="shop.dump")), tmp_path).begin(NOW)
    assert (tmp_path / "copies" / "shop.dump").stat().st_mtime == 0


def test_what_has_changed_since_is_copied_again(tmp_path):
    shelf = Shelf(stored("shop.dump", size=3))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    copies.begin(NOW)
    shelf.listed = [stored("shop.dump", size=5)]
    copies.begin(NOW)
    assert shelf.read_names == ["shop.dump"] * 2
    assert (tmp_path / "copies" / "shop.dump").stat().st_size == 5


def test_what_does_not_fit_on_the_disk_is_not_fetched(tmp_path):
    shelf = Shelf(stored("shop.dump", size=10**18))
    with pytest.raises(CapacityError, match=r"^shop\.dump was not fetched: .* are free in"):
        fetched(shelf, tmp_path).begin(NOW)
    assert shelf.read_names == []


def test_what_is_larger_than_allowed_is_not_fetched(tmp_path):
    shelf = Shelf(stored("shop.dump", size=11))
    with pytest.raises(ProviderError, match=r"dump\.max_size_gb allows"):
        fetched(shelf, tmp_path, max_size=10).begin(NOW)
    assert shelf.read_names == []


def test_what_cannot_be_read_now_is_said(tmp_path):
    shelf = Shelf(stored("shop.dump", problem="is in the storage class GLACIER"))
    with pytest.raises(ProviderError, match=r"^shop\.dump is in the storage class GLACIER$"):
        fetched(shelf, tmp_path).begin(NOW)


def test_a_drill_that_ends_fetches_no_more(tmp_path):
    shelf = Shelf(stored("shop-2026-11-26.dump"), stored("shop-2026-11-27.dump"))
    stop = threading.Event()
    copies = fetched(shelf, tmp_path, stop=stop)
    copies.begin(NOW)
    stop.set()
    assert not copies.one_more()
    assert len(shelf.read_names) == 1


def test_names_in_folders_are_found_again(tmp_path):
    copies = fetched(Shelf(stored("7f3a/var/shop.dump")), tmp_path)
    copies.begin(NOW)
    folder = tmp_path / "copies"
    assert copies.path == str(folder / "*" / "*" / "*")
    assert copies.address(Path(folder, "7f3a/var/shop.dump")) == "shelf: 7f3a/var/shop.dump"


def test_a_dump_that_goes_between_the_list_and_the_read_is_listed_again(tmp_path):
    class Hasty(Shelf):
        def read(self, file, to, stop):  # noqa: ARG002
            raise NotFoundError(f"{file.name} does not exist")

    with pytest.raises(TransientError, match="does not exist"):
        fetched(Hasty(stored("shop.dump")), tmp_path).begin(NOW)


def test_dumps_of_many_databases_leave_as_many_attempts_for_older_ones(tmp_path):
    jobs = [f"{letter}{letter}" for letter in "abcdefghijkl"]
    shelf = Shelf(*(stored(f"{job}-2026-11-2{day}.dump") for job in jobs for day in (6, 7)))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    assert len(shelf.read_names) == len(jobs)
    assert copies.one_more()


class Snapshots(Shelf):
    """A repository, each snapshot of which takes a call."""

    def __init__(self, *snapshots):
        super().__init__(*(file for files in snapshots for file in files))
        self.snapshots, self.looked = snapshots, 0

    def batches(self):
        for files in self.snapshots:
            self.looked += 1
            yield files


def test_no_more_snapshots_are_looked_into_than_dumps_are_wanted(tmp_path):
    nights = [[stored(f"s{day}/shop-2026-11-{day}.dump")] for day in (27, 26, 25)]
    shelf = Snapshots(*nights)
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    assert (shelf.looked, len(shelf.read_names)) == (1, 1)
    assert copies.one_more()
    assert (shelf.looked, len(shelf.read_names)) == (2, 2)
    assert copies.one_more()
    assert not copies.one_more()
    assert shelf.read_names == [file.name for (file,) in nights]


def test_a_newest_snapshot_without_a_dump_is_passed_over(tmp_path):
    shelf = Snapshots([], [stored("a/readme.txt")], [stored("s26/shop-2026-11-26.dump")])
    fetched(shelf, tmp_path).begin(NOW)
    assert shelf.read_names == ["s26/shop-2026-11-26.dump"]


def test_an_older_dump_that_cannot_be_read_now_hides_no_bad_newest_one(tmp_path):
    frozen = "is in the storage class GLACIER"
    shelf = Shelf(
        stored("shop-2026-11-27.dump"),
        stored("shop-2026-11-26.dump", problem=frozen),
        stored("shop-2026-11-25.dump"),
    )
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    assert copies.one_more()
    assert shelf.read_names == ["shop-2026-11-27.dump", "shop-2026-11-25.dump"]
    assert copies.notes == (f"shop-2026-11-26.dump {frozen}",)


def test_what_was_deleted_is_no_dump_and_named_only_where_it_was_newer(tmp_path):
    shelf = Shelf(
        stored("shop-2026-11-27.dump", deleted_at=NOW),
        stored("shop-2026-11-26.dump"),
        stored("shop-2026-11-25.dump", deleted_at=NOW),
    )
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    assert shelf.read_names == ["shop-2026-11-26.dump"]
    said = "shop-2026-11-27.dump, which is newer, was deleted at 2026-11-28 04:00 UTC"
    assert copies.notes == (said,)


class Long(Shelf):
    """Does not say a size, and sends 64 MiB."""

    def read(self, file, to, stop):  # noqa: ARG002
        for _ in range(64):
            to.write(bytes(1 << 20))


def test_a_dump_of_unknown_size_is_stopped_at_the_size_that_is_allowed_and_not_kept(tmp_path):
    copies = fetched(Long(StoredFile(name="shop.dump")), tmp_path, max_size=5 << 20)
    with pytest.raises(ProviderError, match=r"dump\.max_size_gb allows"):
        copies.begin(NOW)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_dump_of_unknown_size_leaves_room_on_the_disk(tmp_path, monkeypatch):
    def usage(folder):
        """Of a disk of its own: other tests write to the real one."""
        written = sum(file.stat().st_size for file in folder.iterdir())
        return shutil._ntuple_diskusage(1 << 40, written, fetching.SPARE + (32 << 20) - written)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(fetching, "LOOK_BYTES", 1 << 20)
    with pytest.raises(CapacityError, match="are free in"):
        fetched(Long(StoredFile(name="shop.dump")), tmp_path).begin(NOW)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_disk_that_is_full_is_no_lost_connection(tmp_path, monkeypatch):
    class Full(Shelf):
        def read(self, file, to, stop):  # noqa: ARG002
            try:
                to.write(b"x")
            except OSError:
                raise AssertionError("it looks like a lost connection") from None

    class NoRoom(io.BytesIO):
        def write(self, data):  # noqa: ARG002
            raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(Path, "open", lambda *_: NoRoom())
    with pytest.raises(CapacityError, match="the disk is full"):
        fetched(Full(stored("shop.dump")), tmp_path).begin(NOW)


class Patient(threading.Event):
    """Says how long it was to wait, and does not."""

    def __init__(self):
        super().__init__()
        self.waited = 0.0

    def wait(self, timeout=None):
        self.waited = max(self.waited, timeout or 0.0)
        return False


def test_a_download_takes_as_long_as_its_limit_says(tmp_path):
    stop = Patient()
    shelf = Shelf(stored("shop.dump", size=1000))
    Fetched(shelf, tmp_path / "copies", max_size=None, stop=stop, max_rate=10).begin(NOW)
    assert 95 < stop.waited <= 100


def test_without_a_limit_a_download_waits_for_nothing(tmp_path):
    stop = Patient()
    fetched(Shelf(stored("shop.dump", size=1000)), tmp_path, stop=stop).begin(NOW)
    assert stop.waited == 0


def test_one_dump_of_a_job_is_copied_where_it_was_chosen_and_no_older_one_stands_for_it(tmp_path):
    shelf = Shelf(*(stored(f"shop-2026-11-2{day}.dump") for day in range(3, 8)))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW, Select(by=SelectBy.OLDEST))
    copies.begin(NOW, Select(by=SelectBy.OLDEST))
    assert not copies.one_more()
    assert shelf.read_names == ["shop-2026-11-23.dump"]


def test_a_second_look_keeps_to_what_the_first_one_has_drawn(tmp_path):
    select = Select(by=SelectBy.RANDOM, seed="s")
    shelf = Shelf(*(stored(f"shop-2026-11-{day}.dump") for day in range(10, 20)))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW, select)
    shelf.listed += [stored(f"shop-2026-11-{day}.dump") for day in range(20, 28)]
    copies.begin(NOW, select)
    assert len(shelf.read_names) == 1


def test_the_checksum_is_of_what_was_read_and_of_several_files_of_the_list(tmp_path):
    shelf = Shelf(stored("a.dir/toc.dat"), stored("a.dir/1.dat.gz", size=5))
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW)
    sums = [hashlib.sha256(b"x" * size).hexdigest() for size in (3, 5)]
    listed = hashlib.sha256("\n".join(sums).encode()).hexdigest()
    assert copies.checksum(["shelf: a.dir"]) == f"sha256:{listed}"
    assert copies.checksum(["shelf: other"]) == ""


@pytest.mark.parametrize(("times", "fits"), [(1.0, True), (10.0, False)])
def test_what_will_not_fit_once_it_is_restored_is_not_fetched(tmp_path, times, fits):
    free = shutil.disk_usage(tmp_path).free
    shelf = Shelf(stored("shop-2026-11-27.dump", size=4))
    copies = Fetched(
        shelf,
        tmp_path / "copies",
        max_size=None,
        stop=threading.Event(),
        expected=lambda name, size: (
            round(free / 5 * times) if (name, size) == ("shop-2026-11-27.dump", 4) else None
        ),
    )
    if fits:
        copies.begin(NOW)
    else:
        with pytest.raises(
            CapacityError,
            match=r"was not fetched: the restore needs about .*, the size in the last verified drill",
        ):
            copies.begin(NOW)
    assert len(shelf.read_names) == fits


def test_a_dump_of_another_name_or_format_tells_nothing_of_the_room_that_is_needed():
    earlier = EarlierSize(series="shop-#.dump", size_bytes=10, restored_bytes=45)
    assert earlier.expected("shop-#.dump", 20) == 90
    assert earlier.expected("shop-#.sql", 20) is None
    assert EarlierSize(series="a", size_bytes=0, restored_bytes=1).expected("a", 1) is None


def test_a_choice_among_dumps_of_several_jobs_says_how_many_each_job_has(tmp_path):
    shelf = Shelf(
        *(stored(f"shop-2026-11-{day}.dump") for day in (25, 26, 27)),
        stored("crm-2026-11-27.dump"),
    )
    copies = fetched(shelf, tmp_path)
    copies.begin(NOW, Select(by=SelectBy.RANDOM, seed="s"))
    (note,) = copies.notes
    assert note.startswith("one dump of each job was chosen: ")
    assert "shop" in note
    assert "(3 dumps)" in note
    assert "crm" in note
    assert "(1 dump)" in note
    assert len(shelf.read_names) == 2
    newest = fetched(shelf, tmp_path / "again")
    (tmp_path / "again").mkdir()
    newest.begin(NOW)
    assert newest.notes == ()
