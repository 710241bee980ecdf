"""What a throw-away server opens to others: nothing. Asked of a running one."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from restorecheck.errors import ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.account import choose_account
from restorecheck.postgres.server.cluster import Mark, Places
from tests import pg
from tests.missing import LINUX, ROOT, need, needs
from tests.places import SHORT

WANTED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "archive_mode": "off",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    "synchronous_commit": "on",
    "event_triggers": "off",
    "timezone": "UTC",
}


@pytest.fixture(scope="module")
def running():
    """The newest at hand: event triggers can be switched off since 17."""
    base = Path(tempfile.mkdtemp(prefix="rc", dir=SHORT))
    base.chmod(0o755)
    places = Places(base / "restorecheck-20260101-000000-abcdef")
    account = choose_account(None)
    installation = max(pg.installations(), key=lambda i: i.major)
    mark = Mark(drill_id="20260101-000000-abcdef", made_at=SystemClock().now(), lock="")
    cluster.make_directory(places, mark, account)
    cluster.initdb(places, installation, account)
    server = cluster.start(places, installation, account, jobs=1, outlive_us=False)
    try:
        yield places, server, account
    finally:
        cluster.stop(places, server)
        shutil.rmtree(base)


def test_it_listens_to_nobody_else_and_acts_on_nothing(running):
    places, _, _ = running

    with cluster.superuser_connection(places) as connection:
        rows = connection.execute(
            "select name, setting from pg_settings where name = any(%s)", [[*WANTED, "TimeZone"]]
        )
        found = {str(name).lower(): setting for name, setting in rows}

    assert found == {name: value for name, value in WANTED.items() if name in found}
    assert set(WANTED) - set(found) <= {"event_triggers"}, "only of an older server"


@pytest.mark.parametrize("base", ["/tmp", "/var/tmp", "/run", SHORT])
def test_it_runs_wherever_its_directory_lies(base):
    need(os.access(base, os.W_OK), f"a writable {base}", "run the tests as root")
    account, installation = choose_account(None), pg.installations()[0]
    with tempfile.TemporaryDirectory(prefix="rc", dir=base) as name:
        Path(name).chmod(0o755)
        places = Places(Path(name) / "restorecheck-20260101-000000-abcdef")
        mark = Mark(drill_id="20260101-000000-abcdef", made_at=SystemClock().now(), lock="")
        cluster.make_directory(places, mark, account)
        cluster.initdb(places, installation, account)
        server = cluster.start(places, installation, account, jobs=1, outlive_us=False)
        with cluster.superuser_connection(places) as connection:
            connection.execute("create table t (i int)")
        connection.close()

        assert cluster.stop(places, server)
        assert server.missing == ()


def test_its_log_repeats_neither_statements_nor_rows(running):
    places, _, _ = running

    with cluster.superuser_connection(places) as connection:
        connection.execute("create temp table people (name text primary key)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                connection.execute("insert into people values ('alice')")

    assert "duplicate key value" in places.log.read_text()
    assert "alice" not in places.log.read_text()


def test_nobody_else_may_enter_its_data_or_reach_its_socket(running):
    places, _, account = running

    for directory in (places.data, places.sockets):
        state = directory.stat()
        assert stat.S_IMODE(state.st_mode) == 0o700
        assert state.st_uid == (account.uid if account else os.geteuid())


def test_the_files_beside_its_data_are_ours_and_nobody_else_s(running):
    places, _, account = running
    state = places.directory.stat()

    assert state.st_uid == os.geteuid()
    assert stat.S_IMODE(state.st_mode) == (0o711 if account else 0o700)
    for file in (places.log, places.mark):
        assert file.stat().st_uid == os.geteuid()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_has_neither_our_rights_nor_our_secrets(running, monkeypatch):
    monkeypatch.setenv("PRODUCTION", "s3cret")
    monkeypatch.setenv("PGHOST", "production")
    places, server, account = running
    process = psutil.Process(server.inner.pid)

    seen = processes.run(["/usr/bin/env"], directory=places.directory, account=account, timeout=20)

    assert "s3cret" not in seen
    assert "production" not in seen
    if account is not None:
        assert set(process.uids()) == {account.uid}
        assert set(process.gids()) == {account.gid}


@needs(os.geteuid() == 0, *ROOT)
@pytest.mark.parametrize("within", [processes.Fence(), None], ids=["fenced", "bare"])
def test_a_group_of_ours_is_none_of_theirs(running, within):
    places, _, account = running
    before = os.getgroups()
    os.setgroups([*before, 4711])
    try:
        process = processes.spawn(
            ["id", "-G"],
            directory=places.directory,
            account=account,
            stdout=subprocess.PIPE,
            within=within,
        )
        out, _ = process.communicate(timeout=20)
    finally:
        os.setgroups(before)

    assert out.split() == [str(account.gid).encode()]


PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin")
"""One that everybody may run: that of the tests may lie below somebody's home."""


@needs(PYTHON, "a Python that everybody may run", "apt-get install python3")
@needs(sys.platform.startswith("linux"), *LINUX)
def test_what_only_works_for_us_does_not_outlive_us_unless_it_is_to_be_kept(running):
    """The kernel is asked for it: nobody else is there when we are killed."""
    places, _, account = running
    script = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
    asked = []
    for outlive_us in (False, True):
        process = processes.spawn(
            [PYTHON or "", "-c", script],
            directory=places.directory,
            account=account,
            stdout=subprocess.PIPE,
            outlive_us=outlive_us,
        )
        out, _ = process.communicate(timeout=20)
        asked.append(int(out))

    assert asked == [9, 0]


def test_a_program_that_does_not_end_is_ended(running):
    places, _, account = running

    with pytest.raises(ProviderError, match="sleep did not end within"):
        processes.run(["sleep", "3611"], directory=places.data, account=account, timeout=0.2)

    assert [
        p for p in psutil.process_iter(["cmdline"]) if "3611" in (p.info["cmdline"] or ())
    ] == []
