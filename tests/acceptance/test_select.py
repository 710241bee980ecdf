"""Which backup is drilled, by the real command line: from a folder and from every storage."""

import hashlib
import json
import os
import shutil
import sqlite3
from typing import Any

import pytest

from restorecheck.hosts.clock import SystemClock
from tests.acceptance.storages import KEEPERS, Command
from tests.acceptance.test_storages import configure, keeper

__all__ = ["keeper"]
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NIGHTS = [f"shop-2026-11-{day}.dump" for day in range(21, 27)]
DAY = 86_400
several = pytest.mark.parametrize("keeper", sorted(KEEPERS.keys() - {"http"}), indirect=True)


@pytest.fixture
def nights(world, dumps):
    """A week of dumps in a folder, each older by a day."""
    for age, name in enumerate(reversed(NIGHTS)):
        put(world, dumps["custom"], name, age)
    return world


def put(world, dump, name, age):
    place = world.backups / name
    shutil.copy(dump, place)
    at = SystemClock().now().timestamp() - age * DAY
    os.utime(place, (at, at))


def target(world, keys):
    """With keys of the target itself."""
    text = world.config.read_text()
    world.config.write_text(text.replace("    checks:", f"    {keys}\n    checks:"))


def name_of(report):
    return report["backup"]["identifier"].rpartition("/")[2]


def checks(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["outcome"] for check in report["checks"]}


def test_the_newest_is_drilled_by_default_and_the_report_says_of_how_many(nights):
    code, report = nights.drill()
    assert (code, name_of(report)) == (0, NIGHTS[-1])
    chosen = report["backup"]["chosen"]
    assert (chosen["by"], chosen["of"]) == ("newest", len(NIGHTS))


@pytest.mark.parametrize(
    ("asked", "name"),
    [("oldest", NIGHTS[0]), ("newest", NIGHTS[-1]), (NIGHTS[2], NIGHTS[2])],
)
def test_a_backup_is_named_on_the_command_line(nights, asked, name):
    code, report = nights.drill("--backup", asked)
    assert (code, name_of(report)) == (0, name), report["reason"]


def test_a_backup_by_chance_can_be_drawn_again_from_the_report(nights):
    target(nights, "select: random")
    _, report = nights.drill()
    chosen = report["backup"]["chosen"]
    listed = [str(nights.backups / name) for name in NIGHTS]
    drawn = min(listed, key=lambda one: sha256(f"{chosen['seed']} {one}"))
    assert report["backup"]["identifier"] == drawn
    assert (chosen["by"], chosen["of"]) == ("random", len(NIGHTS))


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_each_backup_has_its_turn(nights):
    target(nights, "select: rotating")
    names = [name_of(nights.drill()[1]) for _ in range(3)]
    assert names == NIGHTS[:3]


def test_an_old_backup_on_purpose_is_not_stale_and_the_newest_is_still_judged(nights):
    nights.configure(dump=", max_age_hours: 26")
    code, report = nights.drill("--backup", "oldest")
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert checks(report)["the newest backup is young enough"] == "passed"

    (nights.backups / NIGHTS[-1]).unlink()
    (nights.backups / NIGHTS[-2]).unlink()
    code, report = nights.drill("--backup", "oldest")
    assert (code, report["restore"]["outcome"]) == (1, "succeeded")
    assert checks(report)["the newest backup is young enough"] == "failed"
    text = nights.run("drill", "--backup", "oldest").stdout
    assert "the oldest of 4 backups" in text


def test_a_chosen_backup_that_is_bad_fails_and_no_other_one_is_restored(nights):
    bad = nights.backups / NIGHTS[2]
    at = bad.stat().st_mtime
    bad.write_bytes(bad.read_bytes()[:5000])
    os.utime(bad, (at, at))
    code, report = nights.drill("--backup", NIGHTS[2])
    assert (code, report["verdict"]) == (1, "failed")
    assert report["restore"]["outcome"] == "pending"
    assert report["reason"].startswith("the chosen dump is bad: ")
    assert name_of(report) == NIGHTS[2]


def test_a_name_that_no_backup_has_says_nothing_of_the_backups(nights):
    code, report = nights.drill("--backup", "shop-2020-01-01.dump")
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "none of the 6 backups in the list" in report["reason"]


def test_a_backup_that_was_chosen_is_no_measure_for_the_next_newest_one(nights):
    _, first = nights.drill()
    _, second = nights.drill("--backup", "oldest")
    _, third = nights.drill()
    assert second["baseline"] is None
    assert third["baseline"]["drill_id"] == first["drill_id"]
    assert "not compared with an earlier drill" in second["notes"][0]


def test_a_missing_night_is_a_warning_before_anything_is_restored(nights):
    target(nights, "every: 24h")
    (nights.backups / NIGHTS[3]).unlink()
    code, report = nights.drill()
    assert (code, report["verdict"]) == (0, "verified")
    (gap,) = [check for check in report["checks"] if check["name"] == "no backup is missing"]
    assert (gap["outcome"], gap["severity"], gap["found"]) == ("failed", "warning", "1 missing")


def test_a_newest_dump_that_is_much_smaller_is_a_warning_also_where_it_is_bad(nights):
    newest = nights.backups / NIGHTS[-1]
    newest.write_bytes(newest.read_bytes()[:2000])
    os.utime(newest, (SystemClock().now().timestamp() - 3600,) * 2)
    _, report = nights.drill()
    assert checks(report)["the newest backup has a usual size"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--backup", "x.dump", "library", "crm"], "crm"), (["--backup", ""], "expected the name")],
)
def test_what_cannot_be_asked_for_is_a_usage_error(nights, arguments, said):
    done = nights.run("drill", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


# --- storages ---------------------------------------------------------------------------------------


@several
@pytest.mark.parametrize("asked", ["oldest", "random", "rotating", NIGHTS[1]])
def test_every_storage_can_be_chosen_from(world, dumps, keeper, asked):
    for name in NIGHTS[:3]:
        keeper.put(dumps["custom"], name)
    configure(world, keeper.keys)
    code, report = world.drill("--backup", asked)
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    backup, chosen = report["backup"], report["backup"]["chosen"]
    assert chosen["of"] == 3
    if asked != "random":
        assert backup["identifier"].endswith(
            {"oldest": NIGHTS[0], "rotating": NIGHTS[0]}.get(asked, asked)
        )


@pytest.mark.parametrize("keeper", KEEPERS, indirect=True)
def test_the_evidence_of_every_storage_names_the_source_and_the_checksum_of_what_was_read(
    world, dumps, keeper
):
    keeper.put(dumps["custom"], NIGHTS[0])
    configure(world, keeper.keys)
    backup = world.drill()[1]["backup"]
    assert (
        backup["checksum"] == f"sha256:{hashlib.sha256(dumps['custom'].read_bytes()).hexdigest()}"
    )
    assert backup["storage"]
    assert backup["size_bytes"] == dumps["custom"].stat().st_size
    assert backup["taken_at"]
    assert backup["chosen"]["of"] == 1
    assert "token" not in json.dumps(backup)


@several
def test_a_chosen_backup_of_a_storage_that_is_bad_fails_and_no_older_one_is_fetched(
    world, dumps, keeper
):
    cut = world.directory / "cut"
    cut.write_bytes(dumps["custom"].read_bytes()[:5000])
    for name in NIGHTS[:3]:
        keeper.put(cut if name == NIGHTS[1] else dumps["custom"], name)
    configure(world, keeper.keys)
    code, report = world.drill("--backup", NIGHTS[1])
    assert (code, report["restore"]["outcome"]) == (1, "pending"), report["reason"]
    assert report["reason"].startswith("the chosen dump is bad: ")


def test_rotating_through_a_storage_goes_on_after_a_bad_one(world, dumps):
    keeper = Command(world.directory / "storage")
    cut = world.directory / "cut"
    cut.write_bytes(dumps["custom"].read_bytes()[:5000])
    for name in NIGHTS[:2]:
        keeper.put(cut if name == NIGHTS[0] else dumps["custom"], name)
    configure(world, keeper.keys)
    target(world, "select: rotating")
    verdicts = [world.drill()[1]["verdict"] for _ in range(3)]
    assert verdicts == ["failed", "verified", "failed"]


# --- only what is new -------------------------------------------------------------------------------


def test_only_what_was_not_drilled_yet_is_drilled(nights):
    first = nights.run("drill", "--when-new", "--json")
    assert (first.returncode, json.loads(first.stdout)["verdict"]) == (0, "verified")

    again = nights.run("drill", "--when-new")
    assert (again.returncode, again.stdout) == (0, "")
    assert (
        f"nothing new: {nights.backups / NIGHTS[-1]} was drilled already; its last drill: verified"
        in again.stderr
    )

    place = nights.backups / NIGHTS[-1]
    os.utime(place, (place.stat().st_mtime + 1,) * 2)
    assert nights.run("drill", "--when-new", "--json").stdout


def test_a_bad_newest_dump_is_new_once(nights):
    newest = nights.backups / NIGHTS[-1]
    newest.write_bytes(newest.read_bytes()[:5000])
    os.utime(newest, (SystemClock().now().timestamp() - 3600,) * 2)
    assert nights.run("drill", "--when-new").returncode == 1
    again = nights.run("drill", "--when-new")
    assert again.returncode == 0
    assert "its last drill: failed" in again.stderr


def test_an_empty_folder_is_no_quiet_night(world):
    assert world.run("drill", "--when-new").returncode == 1
    assert world.run("drill", "--when-new").returncode == 1


@pytest.mark.parametrize("keeper", KEEPERS, indirect=True)
def test_what_is_new_in_a_storage_is_drilled_once(world, dumps, keeper):
    keeper.put(dumps["custom"], NIGHTS[0])
    configure(world, keeper.keys)
    assert json.loads(world.run("drill", "--when-new", "--json").stdout)["verdict"] == "verified"
    again = world.run("drill", "--when-new")
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "nothing new" in again.stderr


def test_the_runner_drills_a_new_backup_without_a_schedule(nights):
    target(nights, "when_new: true")
    done = nights.run("run", "--once")
    assert done.returncode == 0, done.stderr
    assert "library: VERIFIED" in done.stdout
    assert "VERIFIED" not in nights.run("run", "--once").stdout


@pytest.mark.parametrize("other", [["--backup", "oldest"], ["--adopt", "x"]])
def test_new_and_chosen_at_once_is_a_usage_error(nights, other):
    assert nights.run("drill", "--when-new", *other).returncode == 2


# --- what comes before, and how fast -----------------------------------------------------------------


def test_a_command_before_brings_the_dumps_there(world, dumps):
    far = world.directory / "far"
    far.mkdir()
    shutil.copy(dumps["custom"], far / NIGHTS[0])
    world.backups.rmdir()
    before = f"before: {{run: [ln, -sfn, '{far}', '{world.backups}']}}"
    world.configure(dump=f"/*.dump, {before}")
    world.config.chmod(0o600)
    assert world.drill()[0] == 0
    assert world.run("drill", "--when-new").returncode == 0
    world.backups.unlink()
    world.backups.mkdir()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("[sh, -c, 'echo mount failed >&2; exit 32']", "mount failed (exit code 32)"),
        ("[sleep, '60'], timeout_seconds: 0.5", "did not end within 0.5 s"),
    ],
)
def test_a_command_before_that_fails_says_nothing_of_the_backup(nights, before, said):
    nights.configure(dump=f", before: {{run: {before}}}")
    nights.config.chmod(0o600)
    code, report = nights.drill()
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert said in report["reason"]
    assert nights.run("drill", "--when-new").returncode == 3


def test_a_command_before_is_not_run_from_a_file_that_others_can_change(nights):
    nights.configure(dump=f", before: {{run: [touch, '{nights.directory}/made']}}")
    nights.config.chmod(0o666)
    code, report = nights.drill()
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "dump.before was not run" in report["reason"]
    assert not (nights.directory / "made").exists()


def test_doctor_runs_no_command_before(nights):
    nights.configure(dump=f", before: {{run: [touch, '{nights.directory}/made']}}")
    nights.config.chmod(0o600)
    nights.run("doctor")
    assert not (nights.directory / "made").exists()


@pytest.mark.parametrize("keeper", ["command", "restic", "rclone"], indirect=True)
def test_a_limited_download_is_whole_and_not_faster(world, dumps, keeper):
    keeper.put(dumps["custom"], NIGHTS[0])
    configure(world, f"{keeper.keys}, limit_rate_mb: 1")
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_drill_gives_way_to_other_programs(nights):
    text = nights.config.read_text()
    nights.config.write_text(text.replace("jobs: 2", "jobs: 2, nice: 7"))
    place = nights.directory / "nice"
    text = nights.config.read_text().replace(
        "path: backups", f"path: backups, before: {{run: [sh, -c, 'nice > {place}']}}"
    )
    nights.config.write_text(text)
    nights.config.chmod(0o600)
    assert nights.drill()[0] == 0
    assert place.read_text().strip() == "7"


# --- room for it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", [False, True], ids=["folder", "storage"])
def test_what_the_last_drill_restored_tells_that_the_disk_is_too_small_before_anything_is_fetched(
    world, dumps, storage
):
    keeper = Command(world.directory / "storage")
    keeper.put(dumps["custom"], NIGHTS[0])
    shutil.copy(dumps["custom"], world.backups / NIGHTS[0])
    if storage:
        configure(world, keeper.keys)
    _, first = world.drill()
    assert first["restore"]["restored_bytes"] > 7_000_000
    with sqlite3.connect(world.directory / "history.sqlite") as history:
        # As if the dump of last night had become a thousand times as large as this disk.
        size = shutil.disk_usage(world.directory).free * 1000
        history.execute(
            "update drills set state = json_set(state, '$.outputs.restored_bytes', ?)", (str(size),)
        )

    code, second = world.drill()

    assert (code, second["verdict"]) == (3, "inconclusive"), second["reason"]
    assert "the size in the last verified drill" in second["reason"]
    assert ("was not fetched" if storage else "was not restored") in second["reason"]


def test_a_dump_that_its_storage_lists_as_recent_is_drilled_whatever_time_stands_in_it(
    world, dumps
):
    text = dumps["plain"].read_text()
    head = "-- PostgreSQL database dump\n--\n"
    assert head in text
    old = text.replace(head, f"{head}\n-- Started on 2020-01-01 03:00:00 UTC\n", 1)
    (world.backups / "shop.sql").write_text(old)
    modified = SystemClock().now().isoformat()
    listed = json.dumps({"name": "shop.sql", "modified": modified})
    configure(
        world,
        f"path: '*.sql', command: {{list: [echo, '{listed}'], fetch: [cat, '{world.backups}/{{name}}']}}",
    )
    target(world, "select: {random: {within_days: 30}}")
    code, report = world.drill()
    assert (code, report["restore"]["outcome"]) == (0, "succeeded"), report["reason"]
