"""Servers in containers, with real podman and docker: extensions that no package of this machine has, and nothing left.

The image is made of Debian's packages by `tests/images/build`, which `.ci/run` starts.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from restorecheck.hosts.clock import SystemClock
from restorecheck.postgres.server import cluster, containers
from restorecheck.postgres.server.account import LAST, OsUser
from restorecheck.postgres.server.binaries import of_container
from restorecheck.postgres.server.cluster import Mark, Places
from restorecheck.postgres.session.messages import errors_in_log
from tests import missing
from tests.acceptance.conftest import World
from tests.acceptance.ready import COMMAND
from tests.pg import Source, installations
from tests.places import SHORT

IMAGE = "localhost/restorecheck-test:15"
GEO = """
create extension postgis; create extension pg_cron; create schema partman; create extension pg_partman schema partman;
create table places (id int primary key, at geometry(Point, 4326));
insert into places select i, st_setsrid(st_makepoint(i, i), 4326) from generate_series(1, 100) i;
create table touched (at timestamptz default now());
create table events (id bigint, at timestamptz not null) partition by range (at);
select partman.create_parent('public.events', 'at', 'native', 'daily');
insert into events select i, now() from generate_series(1, 50) i;
create collation german (provider = icu, locale = 'de-u-co-phonebk');
create table names (name text collate german primary key); insert into names values ('Müller'), ('Mueller');
select cron.schedule('each minute', '* * * * *', 'insert into public.touched default values');
"""
CHECKS = """
      - row_count: {table: public.places, equals: 100}
      - query: {name: in the sea, sql: "select count(*) from places where st_x(at) > 50", expect: {equals: 50}}
      - query: {name: nothing ran, sql: "select count(*) from touched", expect: {equals: 0}}
"""


@pytest.fixture(scope="session", autouse=True)
def image(tmp_path_factory):
    """Podman with an OCI runtime that works in any control group, and the image."""
    missing.need(os.geteuid() == 0, *missing.ROOT)
    missing.need(shutil.which("podman"), "podman", "apt-get install podman runc")
    if shutil.which("runc"):
        conf = tmp_path_factory.mktemp("podman") / "containers.conf"
        conf.write_text('[engine]\nruntime = "runc"\n')
        os.environ["CONTAINERS_CONF"] = str(conf)
    found = subprocess.run(["podman", "image", "exists", IMAGE], check=False).returncode == 0
    missing.need(found, f"the image {IMAGE}", "run tests/images/build")
    yield IMAGE
    os.environ.pop("CONTAINERS_CONF", None)


@pytest.fixture(scope="session", params=containers.RUNTIMES)
def runtime(request, image):
    """Podman, then docker: a daemon of the test's own, which has the image from podman."""
    if request.param == "podman":
        yield "podman"
        return
    missing.need(shutil.which("dockerd"), "docker", "apt-get install docker.io")
    with tempfile.TemporaryDirectory(prefix="rc-docker-", dir="/var/tmp") as name:
        yield from docker_daemon(Path(name), image)


def docker_daemon(place, image):
    socket = f"unix://{place}/socket"
    words = [f"--host={socket}", f"--data-root={place}/data", f"--exec-root={place}/exec"]
    words += [f"--pidfile={place}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    words += ["--exec-opt=native.cgroupdriver=cgroupfs"]
    with (
        pytest.MonkeyPatch.context() as patch,
        (place / "log").open("wb") as log,
        subprocess.Popen(["dockerd", *words], stdout=log, stderr=log) as daemon,
    ):
        patch.setenv("DOCKER_HOST", socket)
        try:
            while not (place / "socket").exists():  # pytest ends it when it takes too long
                if daemon.poll() is not None:
                    *_, last = (place / "log").read_text().splitlines() or [""]
                    missing.missing("a daemon of docker", f"dockerd ended: {last}")
                threading.Event().wait(0.05)
            saved = place / "image.tar"
            containers.ask("podman", "save", f"--output={saved}", image)
            containers.ask("docker", "load", f"--input={saved}")
            saved.unlink()
            yield "docker"
        finally:
            daemon.terminate()


@contextmanager
def running(runtime, image, extra=None):
    """A server in a container of the product's own."""
    found = containers.examine(runtime, image)
    place = Path(tempfile.mkdtemp(prefix="rc-geo-", dir=SHORT))
    place.chmod(0o711)
    places = Places(place / f"restorecheck-{place.name}")  # the name of its container
    account = OsUser(f"{LAST}", LAST, LAST, alone=True)
    installation = of_container(found)
    mark = Mark(drill_id="source", made_at=SystemClock().now(), lock="")
    server = None
    try:
        cluster.make_directory(places, mark, account)
        cluster.initdb(places, installation, account)
        server = cluster.start(places, installation, account, jobs=1, outlive_us=False, extra=extra)
        clients = next(one for one in installations() if one.major >= installation.major)
        yield Source(places, clients, account, server)
    finally:
        assert cluster.stop(places, server)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def geo(image, tmp_path_factory):
    """A dump of a database with all of it."""
    extra = {"shared_preload_libraries": "pg_cron", "cron.database_name": "library"}
    with running("podman", image, extra) as source:
        with cluster.superuser_connection(source.places) as connection:
            connection.execute("create database library")
        source.sql(GEO)
        folder = tmp_path_factory.mktemp("geo")
        return source.dump(folder / "geo.dump", "-Fc"), source.dump(folder / "geo.sql")


@pytest.fixture
def contained(world, runtime):
    """A world whose target runs in the image; afterwards nothing of the runtime is left."""
    before = [containers.ask(runtime, kind, "ls", "-q") for kind in ("volume", "network")]
    world.configure(CHECKS)
    cache = world.directory / "cache"
    text = world.config.read_text().replace("jobs: 2", f"jobs: 2, cache_dir: {cache}")
    world.config.write_text(
        f"{text}defaults:\n"
        f'  server: {{image: "localhost/restorecheck-test:{{major}}", runtime: {runtime}}}\n'
    )
    world.environment["CONTAINERS_CONF"] = os.environ.get("CONTAINERS_CONF", "")
    done = world.run("server", "pin", "15")
    assert done.returncode == 0, done.stderr
    yield world
    assert ours(runtime, world) == []
    after = [containers.ask(runtime, kind, "ls", "-q") for kind in ("volume", "network")]
    assert after == before


def ours(runtime: str, world: World) -> list[str]:
    return [
        one.name
        for one in containers.of_drills(runtime)
        if one.directory.is_relative_to(world.directory)
    ]


@pytest.mark.parametrize("kind", [0, 1], ids=["custom", "plain"])
def test_a_dump_with_postgis_pg_cron_pg_partman_and_icu_is_verified_in_a_container(
    contained, geo, kind
):
    shutil.copy(geo[kind], contained.backups)

    said = contained.run("doctor").stdout
    code, report = contained.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert f"in the image {IMAGE} has the extensions and collations" in said
    assert any(f"in a container of {IMAGE}" in note for note in report["notes"])


def test_an_error_is_in_the_log_before_its_answer_however_slow_the_runtime_is(runtime, image):
    with running(runtime, image) as source:
        os.kill(source.server.pid, signal.SIGSTOP)  # the client of the runtime
        try:
            with (
                pytest.raises(psycopg.errors.DivisionByZero),
                cluster.superuser_connection(source.places) as connection,
            ):
                connection.execute("select 1 / 0")
            errors = [error.sqlstate for error in errors_in_log(source.places.log)]
        finally:
            os.kill(source.server.pid, signal.SIGCONT)

    assert errors == ["22012"]


def test_the_server_is_fenced_in_by_the_runtime_and_listed(contained, runtime, geo):
    shutil.copy(geo[0], contained.backups)
    code, report = contained.drill("--keep")
    assert code == 0, report["reason"]

    (name,) = ours(runtime, contained)
    (facts,) = json.loads(containers.ask(runtime, "inspect", name))
    status = Path(f"/proc/{facts['State']['Pid']}/status").read_text()
    seen = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)

    assert facts["HostConfig"]["NetworkMode"] == "none"
    assert facts["HostConfig"]["ReadonlyRootfs"]
    assert seen["NoNewPrivs"].strip() == "1"
    assert {seen[key].strip() for key in ("CapEff", "CapBnd", "CapPrm")} == {"0" * 16}
    assert int(seen["Uid"].split()[0]) >= 60706
    if runtime == "podman":
        inside = Path(f"/proc/{facts['State']['Pid']}/uid_map").read_text().split()
        assert (inside[0], inside[2]) == ("0", "2")
    mounts = {mount["Destination"] for mount in facts["Mounts"]}
    directory = contained.work / name
    names = {"/etc/passwd"} if runtime == "docker" else set()
    assert mounts == {str(directory / name) for name in ("data", "s", "server.log")} | names
    listed = json.loads(contained.run("server", "list", "--json").stdout)["servers"]
    assert IMAGE in {one["image"] for one in listed}

    # As the report of a kept database tells.
    assert contained.run("sweep", name.removeprefix(cluster.PREFIX)).returncode == 0
    assert not directory.exists()


def test_an_image_that_was_not_fetched_is_inconclusive_and_nothing_is_fetched(
    contained, runtime, geo
):
    shutil.copy(geo[0], contained.backups)
    (contained.directory / "cache" / "images.json").unlink()

    code, report = contained.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert f"was not fetched for {runtime}" in report["reason"]
    assert "`restorecheck server pull 15`" in report["hint"]


def test_a_drill_that_is_killed_at_any_moment_leaves_nothing_after_a_sweep(contained, runtime, geo):
    if runtime == "docker" and "vfs" in containers.ask(runtime, "info", "--format={{.Driver}}"):
        missing.left_out("docker copies the whole image, and makes the container after the sweep")
    shutil.copy(geo[0], contained.backups)
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(int(os.environ.get("RESTORECHECK_KILLS", "5"))):
        after = chance.uniform(0.5, 7)
        with subprocess.Popen(
            [*COMMAND, "drill"],
            cwd=contained.directory,
            env={**os.environ, **contained.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            threading.Event().wait(after)
            running.send_signal(signal.SIGKILL)
        swept = contained.run("sweep")
        assert swept.returncode == 0, (after, swept.stdout, swept.stderr)
        assert (contained.leftovers(), ours(runtime, contained)) == ([], []), after


def test_a_container_that_never_ran_and_has_no_directory_is_swept_and_no_other(
    contained, runtime, image
):
    """Docker makes a container although its client was killed meanwhile; sweep could not see it yet."""
    kept = contained.work / "restorecheck-kept"
    kept.mkdir()
    for name, directory in (
        ("late", contained.work / "restorecheck-late"),
        ("kept", kept),
        ("other", contained.directory / "other" / "restorecheck-other"),
    ):
        labels = {containers.DRILL: name, containers.DIRECTORY: directory}
        words = [f"--label={key}={value}" for key, value in labels.items()]
        containers.ask(
            runtime, "create", f"--name=rc-{name}", "--network=none", *words, image, "sh"
        )
    gone = contained.work / "restorecheck-runs"  # or one that this process cannot see
    containers.ask(
        runtime, "run", "--detach", *containers._walls(runtime), "--name=rc-runs", "--entrypoint=sleep",
        f"--label={containers.DRILL}=runs", f"--label={containers.DIRECTORY}={gone}", image, "600",
    )  # fmt: skip
    try:
        done = contained.run("sweep")
        left = ours(runtime, contained)
    finally:
        containers.remove(runtime, *ours(runtime, contained))
        kept.rmdir()

    assert done.returncode == 0, done.stderr
    assert f"container of {runtime} rc-late" in done.stdout
    assert sorted(left) == ["rc-kept", "rc-other", "rc-runs"]


def test_sweep_asks_a_runtime_only_where_a_target_runs_in_an_image(contained, runtime):
    """Docker's daemon may be off for good where nobody needs it any more."""
    fake = contained.directory / "bin" / runtime
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho the daemon is off >&2; exit 1\n")
    fake.chmod(0o755)
    contained.environment["PATH"] = f"{fake.parent}:{os.environ['PATH']}"

    needed = contained.run("sweep")
    contained.config.write_text(contained.config.read_text().split("defaults:\n")[0])
    not_needed = contained.run("sweep")
    del contained.environment["PATH"]

    assert needed.returncode == 3
    assert "the daemon is off" in needed.stdout + needed.stderr
    assert (not_needed.returncode, not_needed.stdout) == (0, "nothing to sweep\n")


def test_a_client_that_is_killed_is_not_the_end_of_its_container(contained, runtime, geo):
    shutil.copy(geo[0], contained.backups)
    sleeping = (
        CHECKS
        + '      - query: {name: slow, sql: "select pg_sleep(8) is null", expect: {equals: false}}\n'
    )
    text = contained.config.read_text().replace(CHECKS, sleeping)
    contained.config.write_text(text)
    with subprocess.Popen(
        [*COMMAND, "drill", "--json"],
        cwd=contained.directory,
        env={**os.environ, **contained.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        clients: list[int] = []
        for _ in range(400):
            threading.Event().wait(0.05)
            found = subprocess.run(
                ["pgrep", "-P", str(running.pid), runtime],
                capture_output=True,
                text=True,
                check=False,
            ).stdout.split()
            clients = [int(pid) for pid in found]
            if clients and list(contained.work.glob("*/s/.s.PGSQL.5432")):
                break
        assert clients
        os.kill(clients[0], signal.SIGKILL)
        report = json.loads(running.communicate()[0])

    assert report["verdict"] in {"verified", "inconclusive"}, report["reason"]
    assert ours(runtime, contained) == []
