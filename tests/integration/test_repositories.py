"""Repositories of restic and borg: few calls, nothing written, locks left alone."""

import io
import os
import re
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restorecheck.errors import NotFoundError, ProviderError, TransientError
from restorecheck.postgres.dump.fetching import Fetched
from restorecheck.storages.borg import BorgStorage
from restorecheck.storages.rclone import RcloneStorage
from restorecheck.storages.restic import ResticStorage
from tests.missing import need

NIGHTS = 12
NOW = datetime(2026, 3, 1, tzinfo=UTC)
WRITES = re.compile(
    r"O_WRONLY|O_RDWR|O_CREAT|^\d+ +(?:un|sym)?link|^\d+ +(?:mkdir|rename|chmod|truncate|utime)",
    re.MULTILINE,
)
RECORDER = """#!{python}
import os, sys
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
trace = ["strace", "-f", "-qq", "-A", "-o", {trace!r}, "-e", "trace=%file"]
os.execv({strace!r}, [*trace, {program!r}, *sys.argv[1:]])
"""


class Recorder:
    """A program of the same name, which says each call and each file that the call opens or changes."""

    def __init__(self, directory, program):
        for one, package in ((program, program), ("strace", "strace")):
            need(shutil.which(one), one, f"apt-get install {package}")
        self._log, self._trace = directory / "calls", directory / "trace"
        folder = directory / "bin"
        folder.mkdir()
        (folder / program).write_text(
            RECORDER.format(
                python=sys.executable,
                log=str(self._log),
                trace=str(self._trace),
                strace=shutil.which("strace"),
                program=shutil.which(program),
            )
        )
        (folder / program).chmod(0o755)
        self.path = f"{folder}:{os.environ['PATH']}"

    @property
    def calls(self):
        return self._log.read_text().splitlines()

    def writes_below(self, place):
        lines = self._trace.read_text(errors="replace").splitlines()
        inside = [line for line in lines if f'"{place}' in line]
        assert inside, "the program has read there"
        return [line for line in inside if WRITES.search(line)]


def restic(directory):
    place, secret = directory / "repository", directory / "password"
    secret.write_text("of a test")

    def run(*words, **options):
        base = ["restic", "--no-cache", "-q", "-r", place, "-p", secret]
        subprocess.run([*base, *words], check=True, **options)

    run("init")
    for night in range(1, NIGHTS + 1):
        words = ("backup", "--stdin", "--stdin-filename", f"/shop/shop-2026-02-{night:02}.dump")
        run(*words, input=f"night {night}".encode())
    storage = ResticStorage(path="/shop/*.dump", repository=str(place), password_file=str(secret))
    return storage, place


def borg(directory):
    place, home = directory / "repository", directory / "home"
    os.environ["BORG_BASE_DIR"] = str(home)
    own = {**os.environ, "BORG_PASSPHRASE": "of a test"}
    subprocess.run(
        ["borg", "init", "-e", "repokey", place],
        env=own,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    (directory / "shop").mkdir()
    for night in range(1, NIGHTS + 1):
        file = directory / "shop" / f"shop-2026-02-{night:02}.dump"
        file.write_text(f"night {night}")
        subprocess.run(
            ["borg", "create", f"{place}::db-2026-02-{night:02}", "shop"],
            cwd=directory,
            env=own,
            check=True,
        )
        file.unlink()
    command = ("echo", "of a test")
    return BorgStorage(path="shop/*.dump", repository=str(place), passcommand=command), place


def rclone(directory):
    place = directory / "far"
    (place / "shop").mkdir(parents=True)
    for night in range(1, NIGHTS + 1):
        (place / "shop" / f"shop-2026-02-{night:02}.dump").write_text(f"night {night}")
    config = directory / "rclone.conf"
    config.write_text("[far]\ntype = local\n")
    storage = RcloneStorage(path="shop/*.dump", remote=f"far:{place}", config_file=str(config))
    return storage, place


@pytest.fixture(params=[restic, borg, rclone], ids=["restic", "borg", "rclone"])
def repository(request, tmp_path, monkeypatch):
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path / "home"))
    name = request.param.__name__
    recorder = Recorder(tmp_path, name)
    storage, place = request.param(tmp_path)
    monkeypatch.setenv("PATH", recorder.path)
    return storage, place, recorder


def fetched(storage, tmp_path):
    return Fetched(storage, tmp_path / "c", max_size=None, stop=threading.Event())


def test_the_newest_of_many_nights_takes_three_calls_and_each_older_one_two_more(
    repository, tmp_path
):
    storage, _, recorder = repository
    copies = fetched(storage, tmp_path)
    copies.begin(NOW)
    assert len(recorder.calls) <= 3, recorder.calls
    assert copies.one_more()
    assert len(recorder.calls) <= 5, recorder.calls
    found = sorted(p.read_text() for p in (tmp_path / "c").rglob("*.dump"))
    assert found == [f"night {NIGHTS - 1}", f"night {NIGHTS}"]


def test_every_night_is_listed(repository):
    storage, _, _ = repository
    names = sorted(Path(file.name).name for file in storage.files())
    assert names == [f"shop-2026-02-{night:02}.dump" for night in range(1, NIGHTS + 1)]


def test_nothing_is_written_where_the_dumps_are(repository, tmp_path):
    storage, place, recorder = repository
    fetched(storage, tmp_path).begin(NOW)
    assert recorder.writes_below(place) == []


def test_a_lock_of_a_backup_that_runs_is_left_and_does_not_stop_the_list(repository):
    storage, place, _ = repository
    if isinstance(storage, RcloneStorage):
        return  # knows no locks
    lock = place / "lock.exclusive"
    if isinstance(storage, BorgStorage):
        lock.mkdir()
        (lock / "other@host.1-0").touch()
    else:
        lock = next(iter((place / "locks").parent.glob("locks")))
    before = sorted(str(p) for p in place.rglob("*"))
    assert len(storage.files()) == NIGHTS
    assert sorted(str(p) for p in place.rglob("*")) == before


def test_a_folder_dump_in_a_repository_is_listed_with_its_files(tmp_path, monkeypatch):
    need(shutil.which("restic"), "restic", "apt-get install restic")
    _, place = restic(tmp_path)
    folder = tmp_path / "backups" / "shop.dir"
    folder.mkdir(parents=True)
    for name in ("toc.dat", "1.dat"):
        (folder / name).write_text(name)
    subprocess.run(
        ["restic", "--no-cache", "-q", "-r", place, "-p", tmp_path / "password", "backup", folder],
        check=True,
    )
    inside = ResticStorage(
        path=f"{folder.parent}/*", repository=str(place), password_file=str(tmp_path / "password")
    )
    files = {Path(file.name).name: file for file in inside.files()}
    assert files.keys() == {"toc.dat", "1.dat"}
    to = io.BytesIO()
    inside.read(files["toc.dat"], to, lambda: False)
    assert to.getvalue() == b"toc.dat"


def test_a_password_in_an_address_reaches_no_message(tmp_path):
    need(shutil.which("restic"), "restic", "apt-get install restic")
    secret = tmp_path / "password"
    secret.write_text("x")
    storage = ResticStorage(
        path="/x", repository="rest:http://me:s3cr3t@127.0.0.1:9/r", password_file=str(secret)
    )
    with pytest.raises(TransientError) as raised:
        storage.files()
    assert "s3cr3t" not in f"{raised.value}{storage!r}"
    assert "connection refused" in str(raised.value)


@pytest.mark.parametrize("kind", [restic, borg, rclone], ids=["restic", "borg", "rclone"])
def test_a_repository_that_does_not_exist_says_nothing_of_the_backup(kind, tmp_path, monkeypatch):
    need(shutil.which(kind.__name__), kind.__name__, f"apt-get install {kind.__name__}")
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path / "home"))
    storage, place = kind(tmp_path)
    shutil.rmtree(place)
    with pytest.raises(ProviderError) as raised:
        storage.files()
    assert not isinstance(raised.value, NotFoundError | TransientError), raised.value
