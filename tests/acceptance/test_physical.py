"""Physical backups of a real cluster: whole ones are verified, each damage is told, production notices nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.acceptance.interrupted import killed_anywhere
from tests.acceptance.physical import Yard, tell
from tests.chosen import chosen
from tests.missing import left_out
from tests.production import age, flip, majors, producing

MAJORS = majors()


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        yield tell(production)


@pytest.fixture
def yard(world, story):
    return Yard(world, story)


def reason(report):
    return report["reason"]


def notes(report):
    return "\n".join(report["notes"])


# --- whole backups -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "tar"])
def test_a_whole_backup_is_recovered_to_the_end_of_the_archive(yard, story, kind):
    yard.fill(kind)

    code, report = yard.drill(rows=story.rows["end"])

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "every file matches the backup's manifest" in notes(report)
    assert "recovered to latest: reached " in notes(report)
    assert f"in {story.needed[-1]}; newest commit: 20" in notes(report)
    assert "before the drill is not in the backup" in notes(report)
    assert report["backup"]["time_source"] == "the newest commit"
    asked = [seen["text"] for seen in report["evidence"] if seen["source"] == "WAL archive"]
    assert any(story.needed[-1] in text for text in asked)
    assert any("not in the archive" in text for text in asked)


def test_without_an_archive_a_backup_is_recovered_with_its_own_wal(yard, story):
    yard.fill("full")
    yard.configure(
        physical="{kind: basebackup, path: backups/full}",
        checks=f"[{{row_count: {{table: orders, equals: {story.rows['early']}, database: shop}}}}]",
    )

    code, report = yard.world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "there is no WAL archive" in notes(report)


@pytest.mark.parametrize("moment", ["immediate", "between", "middle", "lsn"])
def test_a_backup_is_recovered_to_the_moment_that_was_asked_for(yard, story, moment):
    yard.fill("full", "tar")
    asked = moment if moment == "immediate" else f"{{time: '{getattr(story, moment, '')}'}}"
    select, rows = "newest", story.rows.get(moment, story.rows["between"])
    if moment == "lsn":
        log = story.production.run("pg_waldump", story.production.archive / story.needed[-1])
        asked = f"{{lsn: {log.split('lsn: ')[1].split(',')[0]}}}"
        rows = None
    code, report = yard.drill(moment=asked, select=select, rows=rows)

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "as configured; later WAL was not read" in notes(report)
    assert ("nothing about the data at that moment" in notes(report)) is (rows is None)
    assert Path(report["backup"]["identifier"]).name == ("full" if moment == "between" else "tar")


def test_incremental_backups_are_combined_with_those_that_they_build_on(yard, story):
    if story.production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill("full", "tar", "incremental")

    code, report = yard.drill(rows=story.rows["end"])

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "combined of 2 backups: full, incremental" in notes(report)


def test_a_server_makes_do_with_less_than_production_had_and_reads_nothing_of_its_settings(
    yard, story
):
    yard.fill("full")
    left = yard.world.directory / "left by the backup"
    hostile = {
        "shared_preload_libraries": "pg_cron, nothing_of_that_name",
        "recovery_end_command": f"touch {left}",
        "restore_command": "false",
        "recovery_target_time": "2001-01-01",
        "primary_conninfo": f"host={story.production.directory} user=postgres",
        "archive_command": f"cp %p {left}",
        "archive_mode": "on",
        "external_pid_file": str(left),
        "max_connections": "3000",
        "shared_buffers": "900GB",
        "unknown_setting": "1",
        "synchronous_standby_names": "*",
    }
    lines = "".join(f"{name} = '{value}'\n" for name, value in hostile.items())
    for name in ("postgresql.auto.conf", "postgresql.conf", "pg_hba.conf"):
        (yard.full / name).write_text(lines)
    for name in ("standby.signal", "recovery.signal", "postmaster.pid"):
        (yard.full / name).touch()
    (yard.full / "backup_manifest").unlink()  # which would see all this
    age(yard.full)

    code, report = yard.drill(rows=story.rows["end"])

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "the proof is weaker" in notes(report)
    assert not left.exists()


def test_production_beside_sees_no_connection_no_file_and_no_signal(yard, story):
    production = story.production
    production.sql("select 1")  # the last that is ours
    yard.fill("full")
    before = (production.log.read_text(), listing(production.directory))

    code, _ = yard.drill()

    assert code == 0
    assert (production.log.read_text(), listing(production.directory)) == before


def test_production_beside_gets_no_signal_and_accepts_nothing(yard, story, tmp_path):
    """Recorded: every signal and every accepted connection of all processes of the running cluster."""
    strace = shutil.which("strace")
    if strace is None:
        left_out("strace is not installed")
    server, seen = story.production.server, tmp_path / "seen"
    yard.fill("full")
    argv = [strace, "-f", "-e", "trace=accept,accept4", "-o", seen, "-p", str(server.inner.pid)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        if "attached" not in tracer.stderr.readline():
            left_out("this machine does not let one process trace another")
        code, report = yard.drill()
        tracer.send_signal(signal.SIGINT)

    assert code == 0, report
    text = seen.read_text()
    own = {line.split()[0] for line in text.splitlines() if line}
    senders = set(re.findall(r"si_pid=(\d+)", text))
    assert senders <= {*own, str(server.inner.pid)}, text
    assert "accept" not in text


def listing(folder):
    """But for what a server at rest writes by itself."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        if "pg_stat" not in str(path):
            found[str(path)] = (state.st_mtime_ns, state.st_size, state.st_uid)
    return found


# --- damages -------------------------------------------------------------------------------------


def hole(yard):
    yard.segment(3).unlink()


def lost_newest_but_one(yard):
    yard.segment(-2).unlink()


def flipped_segment(yard):
    flip(yard.segment(3), 300_000, 64)


def flipped_newest(yard):
    """In the middle of its first half: records, not the zeros behind a switch."""
    log = yard.story.production.run(
        "pg_waldump", yard.story.production.archive / yard.segment(-1).name
    )
    where = log.split("lsn: ")[2].split(",")[0].split("/")[1]
    flip(yard.segment(-1), (int(where, 16) % (1 << 20)) + 30, 4)


def foreign_segment(yard):
    flip(yard.segment(3), 24, 8)  # the system identifier


def cut_newest(yard):
    os.truncate(yard.segment(-1), 500_000)
    age(yard.archive)


def empty_segment(yard):
    os.truncate(yard.segment(3), 0)
    age(yard.archive)


def swapped_segments(yard):
    one, other, aside = yard.segment(3), yard.segment(4), yard.archive / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def stray_timeline(yard):
    (yard.archive / "00000002.history").write_text("1\t0/100000\tno recovery target specified\n")


def no_label(yard):
    (yard.full / "backup_label").unlink()


def no_label_and_no_manifest(yard):
    (yard.full / "backup_label").unlink()
    (yard.full / "backup_manifest").unlink()


def relation(yard):
    files = [
        p
        for p in (yard.full / "base").rglob("*")
        if p.name.isdigit() and p.stat().st_size > 400_000
    ]
    return max(files, key=lambda path: path.stat().st_size)


def lost_file(yard):
    relation(yard).unlink()


def flipped_page(yard):
    flip(relation(yard), 8192 * 3 + 4000)


def flipped_page_without_manifest(yard):
    flip(relation(yard), 8192 * 3 + 4000)
    (yard.full / "backup_manifest").unlink()


def lost_control(yard):
    (yard.full / "global" / "pg_control").unlink()


def cut_manifest(yard):
    os.truncate(yard.full / "backup_manifest", 2000)


DAMAGES = {
    hole: "the archive has WAL up to",
    lost_newest_but_one: "the archive has WAL up to",
    flipped_segment: "the archive has WAL up to",
    flipped_newest: "is damaged: error in WAL record",
    foreign_segment: "belongs to another cluster",
    cut_newest: "has 500,000 bytes, not 1,048,576",
    empty_segment: "has 0 bytes, not 1,048,576",
    swapped_segments: "contains other WAL than its name says",
    stray_timeline: "requested timeline 2 is not a child",
    no_label: "differs from its manifest",
    no_label_and_no_manifest: "no backup_label",
    lost_file: "differs from its manifest",
    flipped_page: "differs from its manifest",
    flipped_page_without_manifest: "check '",
    lost_control: "differs from its manifest",
    cut_manifest: "has a truncated or damaged backup_manifest",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_backup_or_archive_fails(yard, damage):
    yard.fill("full")
    damage(yard)
    age(yard.full)

    code, report = yard.drill()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert DAMAGES[damage] in reason(report)
    assert report["teardown"]["outcome"] == "complete"


def cut_tar(yard):
    tar = yard.world.backups / "tar" / "base.tar.gz"
    os.truncate(tar, tar.stat().st_size // 2)


def cut_own_wal(yard):
    tar = yard.world.backups / "tar" / "pg_wal.tar.gz"
    os.truncate(tar, tar.stat().st_size // 2)


def flipped_tar(yard):
    tar = yard.world.backups / "tar" / "base.tar.gz"
    flip(tar, tar.stat().st_size // 2, 16)


@pytest.mark.parametrize("damage", [cut_tar, cut_own_wal, flipped_tar], ids=lambda d: d.__name__)
def test_a_damaged_tar_fails(yard, damage):
    yard.fill("tar")
    damage(yard)
    age(yard.world.backups)

    code, report = yard.drill()

    assert (code, report["verdict"]) == (1, "failed"), report


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("{time: '2099-01-01 00:00:00+00'}", "the archive ends before 2099"),
        ("{lsn: FF/0}", "recovery ended before configured recovery target"),
        ("{time: '2001-01-01 00:00:00+00'}", "no backup had ended before 2001"),
        ("{lsn: 0/100}", "no backup had ended before 0/100"),
    ],
)
def test_a_moment_that_is_not_reached_or_lies_before_the_backup_fails(yard, moment, words):
    yard.fill("full")

    code, report = yard.drill(moment=moment)

    assert (code, report["verdict"]) == (1, "failed"), report
    assert words in reason(report)


def test_a_part_of_a_chain_that_is_damaged_fails_though_the_parts_combine(yard, story):
    if story.production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill("full", "incremental")
    flip(relation(yard), 8192 * 3 + 4000)
    age(yard.full)

    code, report = yard.drill()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "differs from its manifest" in reason(report)


def test_an_incremental_backup_whose_full_one_is_gone_fails(yard, story):
    if story.production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill("tar", "incremental")

    code, report = yard.drill()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "incremental builds on a backup that starts at" in reason(report)
    assert "an older backup, tar, was restored instead" in notes(report)


# --- what says nothing of the backup -------------------------------------------------------------


def test_an_archive_that_cannot_be_reached_is_inconclusive(yard):
    yard.fill("full")
    shutil.rmtree(yard.archive)

    code, report = yard.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "WAL archive" in reason(report)


def test_a_major_version_that_is_not_here_is_inconclusive(yard):
    yard.fill("full")
    (yard.full / "PG_VERSION").write_text("99\n")
    age(yard.full)

    code, report = yard.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "the backup needs PostgreSQL 99" in reason(report)


def test_a_backup_that_is_still_being_written_is_skipped(yard):
    yard.fill("full")
    (yard.world.backups / "tonight").mkdir()
    (yard.world.backups / "tonight" / "PG_VERSION").write_text("17\n")

    code, report = yard.drill()

    assert (code, report["verdict"]) == (0, "verified"), report
    assert "tonight was skipped: it is still being written" in notes(report)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_drill_that_is_killed_anywhere_leaves_nothing_after_the_sweep(yard, when):
    yard.fill("full")
    yard.configure()

    killed_anywhere(yard.world, when)


def test_a_plan_names_every_step(yard):
    yard.configure()

    done = yard.world.run("drill", "--plan", "--json")
    if done.returncode:
        done = yard.world.run("drill", "--plan")

    for step in ("find backup", "restore files", "recover", "compare with archive", "check"):
        assert step in done.stdout, json.dumps(done.stderr)


# --- which backup, and which moment --------------------------------------------------------------


def test_a_random_moment_is_drawn_from_what_the_archive_covers_and_told(yard):
    yard.fill("full", "tar")

    code, report = yard.drill(moment="random")

    recovered = report["backup"]["recovered"]
    assert (code, report["verdict"]) == (0, "verified"), report
    assert recovered["asked"] == "random"
    assert recovered["seed"] == f"shop {report['drill_id']}"
    assert recovered["to"].startswith("time 20")
    after, until = (datetime.fromisoformat(recovered[f"drawn_{end}"]) for end in ("after", "until"))
    assert after <= datetime.fromisoformat(recovered["to"][5:]) <= until
    newest = recovered["newest_commit"]  # none, where the moment is before the first commit
    assert newest is None or datetime.fromisoformat(newest) <= until
    assert recovered["drawn_until"] == recovered["archive_until"]
    assert recovered["gap_seconds"] >= 0
    assert "nothing about the data at that moment" in notes(report)
    assert "the moment was chosen on purpose" in notes(report)


@pytest.mark.parametrize("asked", ["full", "oldest", "random", "rotating", "nothing"])
def test_a_backup_is_chosen_as_asked_on_the_command_line(yard, story, asked):
    yard.fill("full", "tar")
    yard.configure()

    done = yard.world.run("drill", "--json", "--backup", asked)
    report = json.loads(done.stdout)

    if asked == "nothing":
        assert (done.returncode, report["verdict"]) == (3, "inconclusive")
        assert "none of the 2 backups in the list has the name 'nothing'" in report["reason"]
        return
    assert (done.returncode, report["verdict"]) == (0, "verified"), report
    chosen = report["backup"]["chosen"]
    assert (chosen["by"], chosen["of"]) == ("named" if asked == "full" else asked, 2)
    assert Path(chosen["newest"]).name == "tar"
    if asked != "random":
        assert Path(report["backup"]["identifier"]).name == "full"
    assert report["backup"]["recovered"]["segment"] == story.needed[-1]


def test_doctor_looks_at_the_backups_and_leaves_nothing(yard):
    yard.fill("full")
    yard.configure(target="    every: 24h\n")

    found = json.loads(yard.world.run("doctor", "--format", "json").stdout)["findings"]
    said = {f["rule"]: f for f in found}

    assert {r: said[r]["outcome"] for r in said if r.startswith("RC13")} == {
        f"RC13{n}": "ok" for n in range(1, 9)
    }
    if os.geteuid() == 0:
        assert {said[f"RC{n}"]["outcome"] for n in (140, 141, 142)} == {"problem"}
        assert "on the machine of the database" in said["RC140"]["found"]
    yard.segment(2).unlink()
    found = json.loads(yard.world.run("doctor", "--format", "json").stdout)["findings"]
    (gap,) = [f for f in found if f["rule"] == "RC137"]
    assert gap["outcome"] == "problem"
    assert yard.story.needed[2] in gap["found"]
    yard.world.work.joinpath("x").mkdir()
    shutil.rmtree(yard.full)
    found = json.loads(yard.world.run("doctor", "--format", "json").stdout)["findings"]

    assert {f["outcome"] for f in found if f["rule"] == "RC131"} == {"problem"}
    yard.world.work.joinpath("x").rmdir()
