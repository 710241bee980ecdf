"""Bad input: one clear message and exit 2, or the right verdict. Never a traceback."""

import gzip
import json
import os
import re
import shutil
import sys

import pytest

from restorecheck.hosts.clock import SystemClock
from tests.acceptance.test_formats import DECRYPT
from tests.missing import left_out_if

NOW = SystemClock().now().timestamp()


def run_bad(world, *arguments):
    done = world.run(*arguments)
    assert "Traceback" not in done.stderr
    return done


def failed(world, said):
    code, report = world.drill()
    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert said in report["reason"]
    return report


def unclear(world, said):
    code, report = world.drill()
    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert said in report["reason"]
    return report


# --- configuration ---


def test_without_a_configuration_the_message_says_how_to_make_one(world):
    world.config.unlink()

    done = run_bad(world, "drill")

    assert done.returncode == 2
    assert "restorecheck config example" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("version: 1\ntarget: []\n", "did you mean 'targets'"),
        ("version: 1\ntargets: 5\n", "restorecheck.yaml:2"),
        ("version: 1\ntargets: [\n", "restorecheck.yaml:"),
        (
            "version: 1\ntargets:\n- {name: a, dump: {path: x}}\n- {name: a, dump: {path: x}}\n",
            "restorecheck.yaml:4",
        ),
    ],
    ids=["empty", "unknown key", "wrong type", "broken yaml", "duplicate names"],
)
def test_a_bad_configuration_is_exit_2_with_file_and_line(world, text, said):
    world.config.write_text(text)

    done = run_bad(world, "drill")

    assert done.returncode == 2
    assert said in done.stderr
    assert not (world.directory / "history.sqlite").exists(), "nothing was touched"


HOSTILE = {
    "link in circles": lambda path: path.symlink_to(path.name),
    "directory": lambda path: path.mkdir(),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "terabyte": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 1 << 40),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 1000),
    "deep": lambda path: path.write_text("[" * 1_000_000),
    "cycle": lambda path: path.write_text("version: 1\ntargets: &t [*t]\n"),
    "escapes and a forged line in a key": lambda path: path.write_text(
        'version: 1\n"\\e[2J\\nrestorecheck: all is well": 1\n'
    ),
    "thousands of problems": lambda path: path.write_text(
        "version: 1\ntargets:\n" + "- {name: a}\n" * 5000
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_configuration_is_exit_2_soon_and_touches_nothing(world, kind):
    world.config.unlink()
    HOSTILE[kind](world.config)
    before = sorted(world.directory.rglob("*"))

    done = run_bad(world, "drill")

    assert done.returncode == 2
    assert "restorecheck.yaml" in done.stderr
    assert "\x1b" not in done.stderr
    forged = [line for line in done.stderr.splitlines() if "all is well" in line]
    assert all("unknown key" in line for line in forged)
    assert len(done.stderr) < 20_000
    assert sorted(world.directory.rglob("*")) == before


def test_an_unknown_target_is_exit_2_and_the_nearest_is_named(world):
    done = run_bad(world, "drill", "libary")

    assert done.returncode == 2
    assert "did you mean 'library'" in done.stderr


def test_a_history_that_is_no_database_is_one_clear_message(world):
    (world.directory / "history.sqlite").write_text("this is not SQLite" * 100)

    done = run_bad(world, "drill")

    assert done.returncode == 3
    assert "history.sqlite" in done.stderr


# --- files ---


def test_a_missing_folder_is_a_failed_backup(world):
    world.configure(path="nowhere")

    failed(world, "does not exist")


def test_an_empty_folder_is_a_failed_backup(world):
    failed(world, "could not find a dump in")


@pytest.mark.parametrize("folder", ["2026-02-26", "daily/library"])
def test_dumps_in_folders_below_the_path_are_no_failed_backup(world, dumps, folder):
    place = world.backups / folder
    place.mkdir(parents=True)
    (place / "library.dump").write_bytes(dumps["custom"].read_bytes())
    levels = "/*" * (folder.count("/") + 2)

    report = unclear(world, "there are files in its folders")

    assert report["hint"] == f"If they are the dumps, set `path` to {world.backups}{levels}"
    world.configure(path=f"backups{levels}")
    assert world.drill()[1]["verdict"] == "verified"


def test_a_folder_that_had_dumps_and_has_none_is_a_failed_backup(world, dumps):
    dump = world.backups / "library.dump"
    dump.write_bytes(dumps["custom"].read_bytes())
    assert world.drill()[1]["verdict"] == "verified"
    (world.backups / "archive").mkdir()
    dump.rename(world.backups / "archive" / "library.dump")

    failed(world, "could not find a dump in")


@left_out_if(os.geteuid() == 0, "root reads every folder; test_find.py asks as another user")
def test_an_unreadable_folder_is_inconclusive(world):
    world.backups.chmod(0)
    try:
        unclear(world, "cannot be read")
    finally:
        world.backups.chmod(0o755)


def test_a_zero_byte_dump_is_named_as_empty(world):
    (world.backups / "library.dump").touch()

    failed(world, "library.dump is empty")


@pytest.mark.parametrize("kind", ["custom", "tar", "plain"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_dump_is_failed(world, dumps, kind, share):
    whole = dumps[kind].read_bytes()
    target = world.backups / dumps[kind].name
    target.write_bytes(whole[: int(len(whole) * share)])
    an_hour_ago = NOW - 3600
    os.utime(target, (an_hour_ago, an_hour_ago))

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed")
    assert report["restore"]["outcome"] == "pending", "it was found before anything was restored"


@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_a_truncated_gzip_is_failed(world, dumps, kind):
    packed = gzip.compress(dumps[kind].read_bytes())
    (world.backups / f"{dumps[kind].name}.gz").write_bytes(packed[:-20])

    failed(world, "truncated")


def test_a_data_file_cut_inside_a_directory_dump_is_failed(world, dumps):
    copy = world.backups / "library.dir"
    shutil.copytree(dumps["directory"], copy)
    largest = max(copy.glob("*.dat.gz"), key=lambda file: file.stat().st_size)
    content = gzip.decompress(largest.read_bytes())
    # A whole gzip file of half of the rows: pg_restore loads it and exits 0.
    largest.write_bytes(gzip.compress(content[: content.rindex(b"\n", 0, len(content) // 2) + 1]))

    failed(world, "ends early")


def test_a_data_file_missing_from_a_directory_dump_is_failed(world, dumps):
    copy = world.backups / "library.dir"
    shutil.copytree(dumps["directory"], copy)
    next(copy.glob("*.dat.gz")).unlink()

    failed(world, "is missing")


def test_a_pdf_named_like_a_dump_is_named_as_what_it_is(world):
    (world.backups / "library.dump").write_bytes(b"%PDF-1.7\n" + b"x" * 1000)

    failed(world, "is a PDF document")


def test_a_damaged_newer_dump_fails_the_drill_and_the_older_one_is_restored(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "monday.dump")
    old = NOW - 86400
    os.utime(world.backups / "monday.dump", (old, old))
    (world.backups / "tuesday.dump").touch()

    report = failed(world, "tuesday.dump is empty")

    assert report["restore"]["outcome"] == "succeeded"
    assert report["backup"]["identifier"].endswith("monday.dump")


def test_what_lies_beside_the_dumps_is_passed_over(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "library.dump")
    (world.backups / "README.md").write_text("notes")
    (world.backups / "library.dump.sha256").write_text("0000")
    (world.backups / "report").write_bytes(b"%PDF-1.7")

    code, report = world.drill()

    assert code == 0
    assert any("report was skipped" in note for note in report["notes"])


def test_a_file_that_still_grows_is_passed_over(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "monday.dump")
    old = NOW - 3600
    os.utime(world.backups / "monday.dump", (old, old))
    growing = world.backups / "tuesday.dump"
    part = dumps["custom"].read_bytes()[:2000]
    script = (
        f"import time\nf = open({str(growing)!r}, 'wb', 0)\nf.write({part!r})\nprint(flush=True)\n"
        "while True:\n  f.write(b'x')\n  time.sleep(0.05)\n"
    )
    import subprocess  # noqa: PLC0415

    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        code, report = world.drill()
    finally:
        writer.kill()
        writer.communicate()

    assert code == 0, report["reason"]
    assert report["backup"]["identifier"].endswith("monday.dump")
    assert any("still being written" in note for note in report["notes"])


def test_a_stale_dump_is_failed_with_both_times(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "library.dump")
    old = NOW - 3 * 86400
    os.utime(world.backups / "library.dump", (old, old))
    world.configure(dump=", max_age_hours: 26")

    report = failed(world, "the backup is stale")

    assert re.search(r"found 72\.\d hours old", report["reason"])


def test_an_encrypted_dump_without_a_command_is_inconclusive(world):
    (world.backups / "library.dump.age").write_bytes(
        b"age-encryption.org/v1\n-> X25519" + b"x" * 99
    )

    report = unclear(world, "is encrypted")

    assert "decrypt:" in report["hint"]


def test_a_decrypt_command_that_does_not_exist_is_inconclusive(world):
    (world.backups / "library.dump.enc").write_bytes(b"\x99" * 100)
    world.configure(dump=", decrypt: [no-such-program]")

    unclear(world, "could not run no-such-program")


def test_a_decrypt_command_that_fails_is_a_failed_backup_with_its_own_words(world):
    (world.backups / "library.dump.enc").write_bytes(b"\x99" * 100)
    complain = "import sys; sys.exit('unexpected end of the message')"
    world.configure(dump=f", decrypt: [{sys.executable}, -c, {complain!r}]")

    failed(world, "unexpected end of the message")


@pytest.mark.parametrize(
    "words",
    [
        "gpg: decryption failed: No secret key",
        "age: error: no identity matched any of the recipients",
        "Can't open key.bin for reading, No such file or directory",
    ],
)
def test_a_key_that_is_not_the_one_says_nothing_about_the_backup(world, words):
    (world.backups / "library.dump.enc").write_bytes(b"\x99" * 100)
    complain = f"import sys; sys.exit({words!r})"
    world.configure(dump=f", decrypt: [{sys.executable}, -c, {json.dumps(complain)}]")

    unclear(world, words)


def test_an_encrypted_dump_that_was_cut_is_failed(world, dumps):
    packed = gzip.compress(dumps["plain"].read_bytes())[:-100]
    (world.backups / "library.sql.gz.enc").write_bytes(bytes(b ^ 85 for b in packed))
    world.configure(dump=DECRYPT)

    failed(world, "truncated")


def test_a_dump_of_a_newer_server_than_any_at_hand_is_inconclusive(world, dumps):
    text = dumps["plain"].read_text()
    version = text.partition("-- Dumped from database version ")[2].split()[0]
    (world.backups / "library.sql").write_text(text.replace(f"version {version}", "version 99.1"))

    report = unclear(world, "needs PostgreSQL 99")

    assert "Install PostgreSQL 99" in report["hint"]


def test_a_missing_extension_is_named_before_anything_is_loaded(world, dumps):
    text = dumps["plain"].read_text()
    (world.backups / "library.sql").write_text(
        text.replace("EXTENSION IF NOT EXISTS hstore", "EXTENSION IF NOT EXISTS postgis").replace(
            "-- Name: hstore; Type: EXTENSION", "-- Name: postgis; Type: EXTENSION"
        )
    )

    unclear(world, "the extension postgis")


def test_a_damaged_archive_that_no_inspection_sees_fails_at_the_load(world, dumps):
    whole = bytearray(dumps["custom"].read_bytes())
    # Inside of a compressed block: lengths stay right, the content does not.
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    (world.backups / "library.dump").write_bytes(whole)

    failed(world, "library.dump")


# --- checks ---


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    return world


def query(sql, expect="{equals: 1}", more=""):
    return f'[{{query: {{name: q, sql: "{sql}", expect: {expect}{more}}}}}]'


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selct 1", "syntax error"),
        ("select 1; select 1", "one statement"),
        ("delete from books", "may only read"),
        ("drop table books", "may only read"),
        ("select id, title from books", "2 columns"),
        ("select pg_read_file('/etc/passwd')", "permission denied"),
        ("select 'infinity'::timestamptz", "cannot be read here"),
        ("commit", "returns no result set"),
    ],
)
def test_a_check_that_cannot_be_answered_is_inconclusive(library, sql, said):
    library.configure(query(sql))

    unclear(library, said)


def test_a_check_that_sleeps_past_its_timeout_is_inconclusive_and_ends(library):
    library.configure(query("select pg_sleep(60)", more=", timeout_seconds: 1"))

    unclear(library, "no answer within 1 s")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select 1 where false", "no row"),
        ("select null", "NULL"),
        ("select 2", "2"),
        ("select id from books", "more than one row"),
        ("select count(*) from no_such_table", "nothing"),
    ],
)
def test_a_wrong_answer_is_failed_and_shows_what_was_found(library, sql, found):
    library.configure(query(sql))

    failed(library, f"found {found}")


def test_a_lost_table_fails_its_row_count(library):
    library.configure("[{row_count: {table: public.members, min: 1}}]")

    failed(library, "public.members")


def test_texts_of_the_database_are_never_shown(library):
    library.configure(query("select title from books where id = 7", '{equals: "x"}'))

    done = library.run("drill", "--json")

    assert done.returncode == 1
    assert "title 7" not in done.stdout + done.stderr
    assert b"title 7" not in (library.directory / "history.sqlite").read_bytes()


def test_a_failed_warning_does_not_change_the_verdict(library):
    library.configure(query("select 2", more=", severity: warning"))

    code, report = library.drill()

    assert code == 0
    assert [c["outcome"] for c in report["checks"] if c["name"] == "q"] == ["failed"]


def test_row_security_hides_no_row_from_a_check(library):
    library.configure("[{row_count: {table: public.books, equals: 2000}}]")

    assert library.drill()[0] == 0


@pytest.mark.parametrize("kind", ["custom", "plain", "directory"])
def test_an_ignored_extension_is_left_out(world, source, kind):
    source.sql("create extension citext")
    try:
        source.dump(world.backups / "library.dump", f"--format={kind}")
    finally:
        source.sql("drop extension citext")
    checks = query("select count(*) from pg_extension where extname = 'citext'", "{equals: 0}")
    world.configure(checks, dump=", ignore_extensions: [citext]")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_user_that_does_not_exist_is_exit_2(world):
    world.config.write_text(
        world.config.read_text().replace("jobs: 2", "jobs: 2, run_as: no-such-user")
    )

    done = run_bad(world, "drill")

    assert done.returncode == 2
    assert "no-such-user" in done.stderr


def test_a_folder_without_programs_is_inconclusive_and_named(library):
    library.config.write_text(
        library.config.read_text().replace("jobs: 2", "jobs: 2, bin_dir: /usr/share")
    )

    unclear(library, "postgres.bin_dir /usr/share has no initdb")
