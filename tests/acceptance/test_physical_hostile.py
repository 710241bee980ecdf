"""Physical backups made by an enemy, or by an accident: nothing of them acts outside, and nothing is believed."""

import io
import os
import tarfile

import pytest

from tests.acceptance.physical import Yard, tell
from tests.chosen import chosen
from tests.missing import left_out
from tests.production import age, majors, producing

MAJORS = majors()


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        yield tell(production)


@pytest.fixture
def yard(world, story):
    return Yard(world, story)


def test_settings_that_run_programs_or_read_other_files_are_not_read(yard, story):
    yard.fill("full")
    left, production = yard.world.directory / "left", story.production
    touch = f"touch {left}"
    hostile = {
        "archive_command": touch, "archive_mode": "on", "archive_cleanup_command": touch,
        "recovery_end_command": touch, "restore_command": touch, "ssl": "on",
        "ssl_passphrase_command": touch, "ssl_passphrase_command_supports_reload": "on",
        "external_pid_file": str(left), "log_directory": str(yard.world.directory), "logging_collector": "on",
        "log_destination": "csvlog", "data_directory": "/", "hba_file": "/etc/passwd", "include_dir": "/",
        "include": "/etc/shadow", "shared_preload_libraries": "nothing", "session_preload_libraries": "nothing",
        "dynamic_library_path": "/", "listen_addresses": "*", "unix_socket_directories": str(production.directory),
        "primary_conninfo": f"host={production.directory} user=postgres", "promote_trigger_file": str(left),
        "stats_temp_directory": str(yard.world.directory), "temp_tablespaces": "x", "krb_server_keyfile": "/etc/shadow",
    }  # fmt: skip
    lines = "".join(f"{name} = '{value}'\n" for name, value in hostile.items())
    for name in ("postgresql.auto.conf", "postgresql.conf"):
        (yard.full / name).write_text(lines)
    (yard.full / "standby.signal").touch()
    (yard.full / "backup_manifest").unlink()
    age(yard.full)
    before = production.log.read_text()

    code, report = yard.drill(rows=story.rows["end"])

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert not left.exists()
    assert not list(yard.world.directory.glob("*.csv"))
    assert production.log.read_text() == before


def test_event_triggers_and_functions_of_the_backup_run_nothing_outside(yard, story):
    production, left = story.production, yard.world.directory / "left by a trigger"
    if production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with event triggers at a login")
    production.sql(
        "create function spread() returns event_trigger language plpgsql as $$ begin "
        f"copy (select 1) to program 'touch ''{left}'''; exception when others then null; end $$;"
        " create event trigger spread on login execute function spread();"
        " alter event trigger spread enable always"
    )
    backup = production.backup("triggered")
    production.sql("drop event trigger spread; drop function spread")
    left.unlink(missing_ok=True)
    backup.rename(yard.world.backups / "triggered")
    left.unlink(missing_ok=True)
    yard.configure(physical="{kind: basebackup, path: backups}")

    code, report = yard.world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert not left.exists()


def packed(path, members):
    with tarfile.open(path, "w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
                member.linkname = content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


LABEL = b"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nSTART TIMELINE: 1\n"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../left", tarfile.REGTYPE, b"x")], "leads out of the target folder"),
        ([("/left", tarfile.REGTYPE, b"x")], "PG_VERSION"),
        ([("pg_wal", tarfile.SYMTYPE, "{outside}"), ("pg_wal/left", tarfile.REGTYPE, b"x")], "PG_VERSION"),
        ([("global", tarfile.LNKTYPE, "{outside}/x"), ("global/left", tarfile.REGTYPE, b"x")], "PG_VERSION"),
        ([("PG_VERSION", tarfile.FIFOTYPE, b"")], "PG_VERSION"),
        ([("tablespace_map", tarfile.REGTYPE, b"../../x /etc\n")], "tar of the tablespace ../../x is missing"),
    ],
)  # fmt: skip
def test_a_tar_that_leads_out_of_its_folder_writes_nothing_there(world, story, members, words):
    outside = world.directory / "outside"
    outside.mkdir()
    folder = world.backups / "odd"
    folder.mkdir()
    made = [(n, k, c.format(outside=outside) if isinstance(c, str) else c) for n, k, c in members]
    packed(folder / "base.tar", [("backup_label", tarfile.REGTYPE, LABEL), *made])
    age(folder)
    Yard(world, story).configure(physical="{kind: basebackup, path: backups}")

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert words in report["reason"]
    assert [*outside.iterdir(), *world.directory.glob("left*")] == []


def test_a_tar_that_was_cut_between_two_files_fails_without_a_manifest(yard, story):
    """Python's reader takes it for a whole one."""
    made = story.production.backups / "plain-tar"
    if not made.exists():
        story.production.backup("plain-tar", "--format=tar", "--no-manifest")
    folder = yard.world.backups / "torn"
    folder.mkdir()
    with tarfile.open(made / "base.tar") as tar:
        ends = [m.offset for m in tar.getmembers() if m.offset > 2_000_000]
    (folder / "base.tar").write_bytes((made / "base.tar").read_bytes()[: ends[0]])
    (folder / "pg_wal.tar").write_bytes((made / "pg_wal.tar").read_bytes())
    age(folder)
    yard.configure(physical="{kind: basebackup, path: backups}")

    code, report = yard.world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert "base.tar is truncated: it does not end as a tar file does" in report["reason"]


# --- a timeline switch ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def switched():
    """A cluster that was recovered and promoted after its backup: its archive goes on with timeline 2."""
    with producing(MAJORS[max(MAJORS)]) as production:
        story = tell(production)
        production.stop()
        signal_file = production.data / "recovery.signal"
        signal_file.touch()
        if production.account:
            os.chown(signal_file, production.account.uid, production.account.gid)
        production.start(restore_command=f"cp {production.archive}/%f %p")
        while production.sql("select pg_is_in_recovery()") == [(True,)]:
            production.sql("select pg_sleep(0.05)")
        for _ in range(3):
            production.order(500)
            production.switch()
        story.needed = [n for n in production.segments() if n >= story.needed[0]]
        yield story


def nothing(yard):
    pass


def first_of_the_new_timeline(yard):
    yard.archive.joinpath(next(n for n in yard.story.needed if n.startswith("00000002"))).unlink()


def second_of_the_new_timeline(yard):
    every = [n for n in yard.story.needed if n.startswith("00000002")]
    yard.archive.joinpath(every[1]).unlink()


def history(yard):
    yard.archive.joinpath("00000002.history").unlink()


def history_of_another_switch(yard):
    """An earlier one: the server finds the true one in the WAL, and nothing is lost."""
    file = yard.archive / "00000002.history"
    file.write_text("1\t0/F00000\tno recovery target specified\n")


def last_of_the_old_timeline(yard):
    """Also as the new timeline has its content: the server takes the newer file."""
    every = [n for n in yard.story.needed if n.startswith("00000001")]
    yard.archive.joinpath(every[-2]).unlink()


HARMLESS = {nothing, history_of_another_switch}


@pytest.mark.parametrize(
    "damage",
    [
        nothing,
        first_of_the_new_timeline,
        second_of_the_new_timeline,
        history,
        history_of_another_switch,
        last_of_the_old_timeline,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_hole_at_a_timeline_switch_fails(world, switched, damage):
    yard = Yard(world, switched)
    yard.fill("full")
    damage(yard)
    age(yard.archive)

    code, report = yard.drill()

    expected = (0, "verified") if damage in HARMLESS else (1, "failed")
    assert (code, report["verdict"]) == expected, (report["reason"], report["notes"])
