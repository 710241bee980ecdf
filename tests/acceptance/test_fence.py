"""Dumps whose code attacks the machine that restores them, each attack done for real.

As root, where the server has a user id of its own, and as an ordinary user, where only the kernel's fence
stands between a dump and what that user owns.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from restorecheck.postgres.server import fence, processes
from restorecheck.postgres.server.account import FIRST, LAST
from tests import pg
from tests.missing import LINUX, ROOT, needs
from tests.places import SHORT

pytestmark = [needs(sys.platform.startswith("linux"), *LINUX), needs(os.geteuid() == 0, *ROOT)]
TRAILER = "--\n-- PostgreSQL database dump complete"
ORDINARY = pwd.getpwnam("daemon").pw_uid
"""Of a user who has no process here."""
PYTHON = "/usr/bin/python3"
"""One that everybody may run: the Python of the tests may lie below a home directory that others cannot enter."""
REFUSING = Path(__file__).with_name("refusing.py")
HERE = Path(fence.__file__).parents[3]


def plays_ordinary_users():
    packages = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    variables = {"PYTHONPATH": f"{HERE}:{packages}", "HOME": "/", "TMPDIR": SHORT}
    try:
        subprocess.run(
            [PYTHON, "-m", "restorecheck", "--help"],
            env={**os.environ, **variables},
            cwd="/",
            check=True,
            capture_output=True,
            user=ORDINARY,
            group=ORDINARY,
            extra_groups=[],
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return variables


AS_USER = plays_ordinary_users()
FOR_EVERYBODY = needs(
    AS_USER,
    f"{PYTHON} and a working copy that every user may read",
    "install python3, and clone to a folder outside of /root",
)
WHO = [
    "root",
    pytest.param("user", marks=FOR_EVERYBODY),
]


WITHOUT = [
    "root without walls",
    pytest.param("user without walls", marks=FOR_EVERYBODY),
]
"""As in most containers."""
NAMESPACES = [words for wall, words in fence.WALLS.items() if wall != "calls"]


@pytest.fixture(params=WHO)
def attacked(world, dumps, request):
    return Attacked(world, dumps, request.param)


@pytest.fixture(params=[*WHO, *WITHOUT])
def attacked_anywhere(world, dumps, request):
    return Attacked(world, dumps, request.param)


@pytest.fixture
def attacked_by_root(world, dumps):
    return Attacked(world, dumps, "root")


class Attacked:
    """A world with a hostile dump in it."""

    def __init__(self, world, dumps, who):
        self.world, self.who = world, who.split()[0]
        self.walls = who == self.who
        self._good = dumps["plain"].read_text()
        if self.who == "user":
            os.chown(world.directory, ORDINARY, ORDINARY)
            for place in (world.backups, world.work):
                os.chown(place, ORDINARY, ORDINARY)

    def plant(self, script, *, checks=(), sql="", installation=None, name="library"):
        """A shell script that runs as the server's user, while the dump is loaded; what it prints are
        the rows of `public.seen`.
        """
        head, mark, tail = self._good.rpartition(TRAILER)
        assert mark
        quoted = script.strip().replace("'", "''")
        (self.world.backups / f"{name}.sql").write_text(
            f"{head}create table public.seen (line text);\n"
            f"copy public.seen from program '({quoted}) 2>&1 | LC_ALL=C tr ''\\t\\000'' ''  '' | LC_ALL=C tr -cd ''[:print:]\\n'' | tr -d ''\\\\''';\n{sql}\n{mark}{tail}"
        )
        self.world.configure(json.dumps([{"query": check} for check in checks]))
        if installation is not None:
            text = self.world.config.read_text()
            named = f"jobs: 2, bin_dir: {installation.bin_dir}"
            self.world.config.write_text(text.replace("jobs: 2", named))
        self.world.config.chmod(0o644)

    def drill(self, *arguments):
        options = {}
        if self.who == "user":
            self.world.environment.update(AS_USER or {})
            options = {"user": ORDINARY, "group": ORDINARY, "extra_groups": []}
        if self.who == "user" or not self.walls:
            program = PYTHON if self.who == "user" else sys.executable
            words = ["-m", "restorecheck"] if self.walls else [str(REFUSING)]
            options["command"] = [program, *words]
        done = self.world.run("drill", "--json", *arguments, **options)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


def line(name, pattern, *, there):
    """A check that a line that the script printed is there, or is not."""
    condition = f"exists (select from public.seen where line ~ '{pattern}')"
    return {
        "name": name,
        "sql": f"select {condition if there else f'not {condition}'}",
        "expect": {"equals": True},
    }


@contextlib.contextmanager
def working(place, uid=None):
    """A process that is not the drill's, by its number; it must still run at the end."""
    process = subprocess.Popen(["sleep", "600"], cwd=place, user=uid, group=uid)
    try:
        yield process.pid
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def verified(report):
    failed = [
        (c["name"], c["detail"])
        for c in report["checks"]
        if c["outcome"] not in {"passed", "skipped"}
    ]
    assert report["verdict"] == "verified", (report["reason"], failed)
    assert report["teardown"]["outcome"] == "complete"


def inconclusive(report, *words):
    assert report["verdict"] == "inconclusive", report["reason"]
    assert [word for word in words if word not in report["reason"]] == []
    assert report["teardown"]["outcome"] == "complete"


@pytest.fixture
def victim():
    """Another PostgreSQL server on this machine."""
    with pg.running(min(pg.installations(), key=lambda i: i.major)) as running:
        yield running


@pytest.fixture
def loot():
    """A folder of everybody's."""
    with tempfile.TemporaryDirectory(prefix="rl", dir=SHORT) as name:
        Path(name).chmod(0o777)
        yield Path(name)


# --- the data directory is replaced ------------------------------------------------------------

REPLACE = "cd ..; mv data data2 && ln -s {place} data && echo replaced || echo refused"


@pytest.mark.parametrize("installation", pg.installations()[:2], ids=lambda i: f"pg{i.major}")
def test_another_server_of_this_machine_is_not_ended_in_the_place_of_ours(
    attacked_anywhere, victim, installation
):
    attacked = attacked_anywhere
    check = line("nothing was replaced", "^replaced", there=False)
    attacked.plant(
        REPLACE.format(place=victim.places.data), checks=[check], installation=installation
    )

    report = attacked.drill()

    if attacked.walls or attacked.who == "root":
        verified(report)
    else:  # nothing but our own look stands between them
        inconclusive(report, "replaced the server's data directory")
    victim.sql("select 1")
    assert "shutdown request" not in victim.places.log.read_text()


def test_what_works_where_a_link_leads_is_not_ended(attacked, loot):
    """Root's programs, were the link one to /."""
    with working(loot):
        attacked.plant(REPLACE.format(place=loot))

        verified(attacked.drill())


def test_a_recorded_number_of_another_process_is_not_believed(attacked_anywhere, loot):
    with working(loot) as pid:
        attacked_anywhere.plant(f"sed -i 1s/.*/{pid}/ postmaster.pid; echo done")

        verified(attacked_anywhere.drill())


# --- our own files are replaced ----------------------------------------------------------------

OUR_FILES = """
cd ..; for name in server.log restorecheck.json contents.list archive; do
  rm -rf $name; ln -s {secret} $name && echo planted
done
for place in {work}/restorecheck-*; do ln -sf {secret} $place/server.log && echo planted; done
echo done
"""


def test_root_writes_into_no_file_that_a_link_names(attacked, loot):
    secret = loot / "secret"
    secret.write_text("root's")
    if attacked.who == "root":
        secret.chmod(0o600)
    else:
        os.chown(secret, ORDINARY, ORDINARY)
    check = line("nothing was planted", "planted", there=False)
    attacked.plant(OUR_FILES.format(secret=secret, work=attacked.world.work), checks=[check])

    report = attacked.drill()

    verified(report)
    assert secret.read_text() == "root's"


WAIT_FOR_ANOTHER = """
for i in $(seq 400); do for place in {work}/restorecheck-*; do
  case $(pwd) in $place/*) continue;; esac
  test -e $place || continue
  ln -sfn {secret} $place/server.log && echo planted; ls $place/data && echo entered
  exit
done; sleep 0.02; done
"""


def test_a_drill_does_not_reach_another_one_that_runs_at_the_same_time(attacked, loot):
    secret = loot / "secret"
    secret.touch()
    if attacked.who == "user":
        os.chown(secret, ORDINARY, ORDINARY)
    world = attacked.world
    seen = [line("planted", "planted", there=False), line("entered", "entered", there=False)]
    attacked.plant(WAIT_FOR_ANOTHER.format(work=world.work, secret=secret), checks=seen)
    both = []
    running = threading.Thread(target=lambda: both.append(attacked.drill("library")))
    other = world.directory / "other.yaml"
    other.write_text(world.config.read_text().replace("name: library", "name: other"))
    other.write_text(other.read_text().replace("history.sqlite", "other.sqlite"))
    running.start()
    while not list(world.work.glob("*/s/.s.PGSQL.*")) and running.is_alive():
        threading.Event().wait(0.01)
    both.append(attacked.drill("other", "-c", str(other)))
    running.join()

    for report in both:
        verified(report)
    assert secret.read_text() == ""


# --- the socket is replaced --------------------------------------------------------------------

PROXY = """
import os, socket, sys, threading
own, moved = sys.argv[1:]
os.rename(own, moved)
server = socket.socket(socket.AF_UNIX); server.bind(own); server.listen(20)
os.chmod(own, 0o777)
if os.fork(): os._exit(0)
os.setsid()
for number in range(3): os.close(number)
def pump(a, b):
    while data := a.recv(65536): b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    client, _ = server.accept()
    inner = socket.socket(socket.AF_UNIX); inner.connect(moved)
    threading.Thread(target=pump, args=(client, inner), daemon=True).start()
    threading.Thread(target=pump, args=(inner, client), daemon=True).start()
"""


def test_a_listener_of_the_dump_s_in_the_place_of_the_server_is_not_asked(attacked_anywhere):
    """Here it passes everything on: it could as well answer itself, or ask for a password."""
    folder = "$(dirname $(ls ../s/.s.PGSQL.5432 ../.s.PGSQL.5432 2>/dev/null | head -1))"
    script = f'd={folder}; {PYTHON} -c "$(cat << "EOF"\n{PROXY}\nEOF\n)" $d/.s.PGSQL.5432 $d/moved; echo done'
    attacked_anywhere.plant(script)

    report = attacked_anywhere.drill()

    inconclusive(report, "another process listens on the socket")
    assert "do not trust this dump" in report["hint"].lower()


def test_a_server_without_its_socket_verifies_nothing(attacked):
    attacked.plant("rm -f ../s/.s.PGSQL.5432 ../.s.PGSQL.5432; echo done")

    inconclusive(attacked.drill())


# --- the rest of the machine -------------------------------------------------------------------

LOOK_AROUND = """
grep NoNewPrivs /proc/self/status
for place in /root /home /run /var/run /mnt /media /srv /var/lib /var/tmp /dev/shm {work} {home}; do
  for found in $(ls -A $place 2>/dev/null); do echo "found $place/$found"; done
done
for number in /proc/[0-9]*; do echo "process $(tr "\\0" " " < $number/cmdline)"; done
for socket in {sockets}; do test -e $socket && echo "reached $socket"; done
touch {loot}/written /tmp/../{loot}/written && echo wrote
echo "user $(id -u)"
cat /etc/shadow {config} {history} && echo read
echo done
"""


def test_a_dump_sees_nothing_of_the_machine_but_the_system_s_programs(attacked, victim, loot):
    world = attacked.world
    listener = socket.socket(socket.AF_UNIX)
    own = loot / "socket"
    listener.bind(str(own))
    own.chmod(0o777)
    history = world.directory / "history.sqlite"
    attacked.plant(
        LOOK_AROUND.format(
            work=world.work,
            home=world.directory,
            sockets=f"{victim.places.socket_path} {own}",
            loot=loot,
            config=world.config,
            history=history,
        ),
        checks=[
            line("no new privileges", "NoNewPrivs:\\s*1", there=True),
            line(
                "no file of others", "^found (?!.*/(restorecheck-|work$|data$|s$|rc))", there=False
            ),
            line("no process of others", "^process .*(python|-m restorecheck|sleep)", there=False),
            line("no socket of others", "^reached", there=False),
            line("nothing is written", "^wrote", there=False),
            line("nothing is read", "^read", there=False),
            line("all of it ran", "^done", there=True),
        ],
    )

    report = attacked.drill()
    listener.close()

    verified(report)
    assert list(loot.iterdir()) == [own]


def test_under_root_each_drill_has_a_user_of_its_own(attacked_by_root):
    check = {
        "name": "in the range",
        "sql": f"select bool_and(line::int between {FIRST} and {LAST}) from public.seen",
        "expect": {"equals": True},
    }
    attacked_by_root.plant("id -u; id -g", checks=[check])

    verified(attacked_by_root.drill())


def test_a_setuid_program_gives_no_rights(attacked, loot):
    program = loot / "becomes-root"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    check = line("never root", "^0", there=False)
    attacked.plant(f"{program} -u; $(which su mount newgrp | head -1) --version", checks=[check])

    verified(attacked.drill())


CALLS = {
    "a namespace of its own": "unshare --user --mount true && echo escaped",
    "a socket of the machine's": """python3 -c "import socket; socket.socket(40, 1); print('escaped')" """,
    "a key of the caller's": """python3 -c "import ctypes, os, platform
call = {'x86_64': 250, 'aarch64': 219}[platform.machine()]
ctypes.CDLL(None).syscall(call, 0, -3, 1) >= 0 and print('escaped')" """,
    "the server's own process": """python3 -c "import ctypes, platform
call = {'x86_64': 101, 'aarch64': 117}[platform.machine()]
ctypes.CDLL(None).syscall(call, 0x4206, 1, 0, 0) == 0 and print('escaped')" """,
}


@pytest.mark.parametrize("script", CALLS.values(), ids=CALLS)
def test_the_kernel_refuses_what_reaches_beyond_the_fence(attacked, script):
    attacked.plant(
        f"{script}; echo done",
        checks=[line("it ran", "done", there=True), line("it failed", "escaped", there=False)],
    )

    verified(attacked.drill())


def test_a_link_in_the_place_of_the_socket_leads_nobody_elsewhere(attacked, loot):
    path = loot / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        path.chmod(0o777)
        other.listen()
        other.settimeout(0.2)
        attacked.plant(f"cd ../s && rm -f .s.PGSQL.5432 && ln -s {path} .s.PGSQL.5432; echo done")

        report = attacked.drill()

        inconclusive(report, "replaced the server's socket")
        with pytest.raises(TimeoutError):
            other.accept()


def test_closed_folders_keep_nothing_from_being_taken_away(attacked):
    attacked.plant(
        "mkdir -p z/b ../s/q; touch z/a z/b/c ../s/q/f; chmod 0 z/b; chmod 500 z ../s/q; echo done",
        checks=[line("it ran", "done", there=True)],
    )

    report = attacked.drill()

    verified(report)
    assert report["teardown"]["outcome"] == "complete"


def test_what_a_dump_leaves_running_ends_with_its_drill(attacked_anywhere):
    attacked = attacked_anywhere
    long = str(36_000_000 + os.getpid())  # other tests run at the same time
    attacked.plant(
        f"for i in 1 2 3; do setsid sleep {long} </dev/null >/dev/null 2>&1 & done;"
        f"(trap '' TERM INT QUIT HUP; setsid sleep {long} </dev/null >/dev/null 2>&1 &) ; echo done"
    )

    report = attacked.drill()

    verified(report)
    assert [
        p.pid for p in psutil.process_iter(["cmdline"]) if long in (p.info["cmdline"] or [])
    ] == []


def test_a_dump_cannot_signal_the_machine_s_processes(attacked, loot):
    with working(loot, ORDINARY if attacked.who == "user" else None) as pid:
        attacked.plant(f"kill -9 {pid}; echo done")

        verified(attacked.drill())


def test_a_file_without_end_is_ended(attacked, monkeypatch):
    """By the limit on one file: 16 GB; a sparse one takes no room."""
    check = line("too large", "File too large|File size limit", there=True)
    attacked.plant("truncate -s 17G large || echo File size limit; rm -f large", checks=[check])

    verified(attacked.drill())


# --- killed commands ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_leaves_no_program_of_the_dump(attacked_by_root, number):
    attacked_by_root.plant("setsid sleep 3619 </dev/null >/dev/null 2>&1 & sleep 3619")
    world = attacked_by_root.world
    running = subprocess.Popen(
        [sys.executable, "-m", "restorecheck", "drill"],
        cwd=world.directory,
        stderr=subprocess.DEVNULL,
    )
    sleepers: list[psutil.Process] = []
    while len(sleepers) < 2:
        assert running.poll() is None
        threading.Event().wait(0.05)
        sleepers = [p for p in psutil.process_iter() if is_sleeper(p)]

    running.send_signal(number)
    running.wait()
    world.run("sweep")

    psutil.wait_procs(sleepers, timeout=60)
    assert [p for p in sleepers if p.is_running() and is_sleeper(p)] == []


def is_sleeper(process):
    with contextlib.suppress(psutil.Error):
        return process.name() == "sleep" and "3619" in process.cmdline()
    return False


# --- missing walls -----------------------------------------------------------------------------


@pytest.mark.parametrize("who", WITHOUT)
def test_a_report_names_the_walls_that_the_kernel_refused(world, dumps, who):
    attacked = Attacked(world, dumps, who)
    attacked.plant("echo done")

    report = attacked.drill()

    verified(report)
    (note,) = [note for note in report["notes"] if "the kernel does not support" in note]
    assert [words for words in NAMESPACES if words not in note] == []


@pytest.mark.parametrize("who", [*WHO, *WITHOUT])
def test_who_requires_the_fence_restores_nothing_where_a_wall_is_missing(world, dumps, who):
    attacked = Attacked(world, dumps, who)
    attacked.plant("echo done")
    text = world.config.read_text()
    world.config.write_text(text.replace("jobs: 2", "jobs: 2, require_fence: true"))

    report = attacked.drill()

    if attacked.walls:
        verified(report)
        return
    inconclusive(report, "postgres.require_fence", *NAMESPACES)
    assert "doctor" in report["hint"]


def test_here_the_kernel_refuses_nothing():
    assert processes.missing_walls() == ()


def test_a_report_says_nothing_of_walls_where_all_of_them_stand(attacked):
    attacked.plant("echo done")

    report = attacked.drill()

    verified(report)
    assert [note for note in report["notes"] if "the kernel does not support" in note] == []
