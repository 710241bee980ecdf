"""`make bench`: ratios, side by side in one run; nothing here passes or fails.

- `--help` against `python -c pass`: medians of interleaved runs.
- A drill of a generated database against the bare work of PostgreSQL's own programs (initdb,
  start, createdb, pg_restore, the same queries by psql, stop) on the same dump, interleaved.
- The same drill behind the kernel's fence and without it, interleaved, both as one user.
- Reading plain SQL (scan and filter) against reading the file.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.demo import story
from restorecheck.postgres.dumpfiles.filtering import FilterRules, restorable
from restorecheck.postgres.dumpfiles.plain import scan
from restorecheck.postgres.server import cluster, processes

ANSWERS = 2_000_000
STARTS = 21
DRILLS = 5

QUERIES = """
select count(*) from course.students; select count(*) from course.courses;
select count(*) from course.homeworks; select count(*) from course.submissions;
select count(*) from course.answers; select count(*) from course.projects;
select count(*) from course.leaderboard;
select max(submitted_at) > now() - interval '36 hours' from course.submissions;
select count(*) from course.answers a
  where not exists (select 1 from course.submissions s where s.id = a.submission_id);
select student_id from course.leaderboard where place = 1;
"""


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def run(*argv: object, **options: object) -> None:
    subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


def starts() -> None:
    bare, helped = [], []
    for _ in range(STARTS):
        bare.append(timed(lambda: run(sys.executable, "-c", "pass")))
        helped.append(timed(lambda: run(sys.executable, "-m", "restorecheck", "--help")))
    base, ours = statistics.median(bare), statistics.median(helped)
    print(f"restorecheck --help       {ours * 1e3:6.0f} ms   {ours / base:5.2f} x python -c pass")


def bare_restore(stage: story.DemoStage, dump: Path) -> None:
    places = cluster.Places(Path(tempfile.mkdtemp(prefix="rcbench", dir="/tmp")) / "bare")
    mark = cluster.Mark(drill_id="bench", made_at=SystemClock().now(), lock="")
    if stage.account is not None:
        os.chown(places.directory.parent, stage.account.uid, stage.account.gid)
    cluster.make_directory(places, mark, stage.account)
    cluster.initdb(places, stage.installation, stage.account)
    jobs = os.cpu_count() or 1
    server = cluster.start(places, stage.installation, stage.account, jobs=jobs, outlive_us=False)
    try:
        client = [f"--host={places.sockets}", f"--username={cluster.SUPERUSER}"]
        for argv in (
            ["createdb", *client, "--template=template0", "courses"],
            ["pg_restore", *client, "--dbname=courses", f"--jobs={jobs}", str(dump)],
            ["psql", *client, "--dbname=courses", "--quiet", f"--command={QUERIES}"],
        ):
            processes.run(
                [stage.installation.program(argv[0]), *argv[1:]],
                directory=places.directory,
                account=stage.account,
                timeout=600,
            )
    finally:
        cluster.stop(places, server)
        shutil.rmtree(places.directory.parent)


def drills(stage: story.DemoStage) -> None:
    dump = stage.backups / "courses-night-1.dump"
    argv = [
        sys.executable,
        "-m",
        "restorecheck",
        "drill",
        "courses",
        "--json",
        "-c",
        str(stage.config),
    ]
    bare, whole, shares = [], [], []
    for _ in range(DRILLS):
        bare.append(timed(lambda: bare_restore(stage, dump)))
        began = time.perf_counter()
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        whole.append(time.perf_counter() - began)
        spent = json.loads(done.stdout)["time"]
        shares.append(spent["own_seconds"] / spent["total_seconds"])
    base, ours = statistics.median(bare), statistics.median(whole)
    print(f"bare initdb … pg_restore  {base:6.2f} s")
    print(f"restorecheck drill        {ours:6.2f} s    {ours / base:5.2f} x bare")
    print(f"own share by the report   {statistics.median(shares):6.1%}")


UNFENCED = "processes.LINUX = False"
ONE_USER = """
import sys
from restorecheck.hosts.cli.arguments import main
from restorecheck.postgres.server import processes
from restorecheck.postgres.server.account import Lodging, choose_account
from restorecheck.postgres.dump.settings import ServerSettings
ServerSettings.lodge = lambda settings, drill_id: Lodging(choose_account(None))
{change}
sys.exit(main(sys.argv[1:]))
"""


def fences(stage: story.DemoStage) -> None:
    """What the fence adds to a drill: the median of the differences of neighbours."""
    words = ["drill", "courses", "--json", "-c", str(stage.config)]
    with_fence, without, ratios = [], [], []
    for _ in range(DRILLS):
        fenced = timed(lambda: run(sys.executable, "-c", ONE_USER.format(change=""), *words))
        bare = timed(lambda: run(sys.executable, "-c", ONE_USER.format(change=UNFENCED), *words))
        with_fence.append(fenced)
        without.append(bare)
        ratios.append(fenced / bare)
    print(f"a drill without a fence   {statistics.median(without):6.2f} s")
    print(
        f"behind the fence          {statistics.median(with_fence):6.2f} s    "
        f"{statistics.median(ratios):5.3f} x"
    )


def plain(stage: story.DemoStage) -> None:
    file = stage.directory / "plain.sql"
    story._dump_to(stage, file, "--format=plain")
    megabytes = file.stat().st_size / 1e6
    reading, scanning, filtering = [], [], []

    def consume(name: str) -> None:
        with file.open("rb") as stream:
            if name == "scan":
                scan(stream)
            else:
                for _ in restorable(stream, FilterRules()):
                    pass

    for _ in range(3):
        reading.append(timed(lambda: sum(len(line) for line in file.open("rb"))))
        scanning.append(timed(lambda: consume("scan")))
        filtering.append(timed(lambda: consume("filter")))
    base = statistics.median(reading)
    for name, times in (("scan", scanning), ("filter", filtering)):
        ours = statistics.median(times)
        print(
            f"plain SQL, {name:<6}         {megabytes / ours:6.0f} MB/s {ours / base:5.2f} x reading lines"
        )


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    starts()
    with tempfile.TemporaryDirectory(prefix="rcbench", dir="/tmp") as name:
        stage = story._set_up(str(Path(name) / "demo"), ANSWERS)
        Path(name).chmod(0o755)
        server = story._start_production(stage)
        try:
            story._dump(stage, "courses-night-1.dump", "--format=custom", "--compress=1")
            plain(stage)
        finally:
            cluster.stop(stage.production, server)
            shutil.rmtree(stage.production.directory)
        drills(stage)
        fences(stage)


if __name__ == "__main__":
    main()
