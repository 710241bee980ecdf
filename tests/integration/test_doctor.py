"""Before the first night, on one machine: broken set-ups, each mended by doctor's own advice."""

import gzip
import json
import os
import re
import resource
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck.hosts.cli.arguments import main
from restorecheck.postgres.dump import preparation, preview
from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.session.tls import expired
from restorecheck.sandbox.certificates import Authority
from tests.missing import ROOT, need
from tests.places import SHORT
from tests.rds.robot import Robot

DAYS_AGO = timedelta(days=3)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Machine:
    """A machine with a folder of dumps, and a configuration."""

    directory: Path
    dump: Path
    keys: dict[str, Any]
    capture: Any

    @property
    def path(self) -> Path:
        return self.directory / "restorecheck.yaml"

    def run(self, *arguments: str) -> Outcome:
        self.path.write_text(yaml.safe_dump(self.keys))  # its permissions stay
        self.capture.readouterr()
        code = main([arguments[0], "-c", str(self.path), *arguments[1:]])
        captured = self.capture.readouterr()
        return Outcome(code, captured.out, captured.err)

    @property
    def target(self) -> dict[str, Any]:
        found: dict[str, Any] = self.keys["targets"][0]["dump"]
        return found


@pytest.fixture
def machine(tmp_path, dumps, capsys):
    backups = tmp_path / "backups"
    backups.mkdir()
    work = tmp_path / "work"
    work.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    dump = backups / "library.dump"
    dump.write_bytes(dumps["custom"].read_bytes())
    target = {
        "name": "library",
        "dump": {"path": str(backups), "max_age_hours": 26},
        "checks": [{"row_count": {"table": "public.books", "min": 1}}],
    }
    room = Path(SHORT, f"rc-doctor-{os.getpid()}")
    room.mkdir(exist_ok=True)
    keys: dict[str, Any] = {
        "version": 1,
        "defaults": {"schedule": "15 3 * * *"},
        "targets": [target],
        "history": {"path": "state/history.sqlite"},
        "postgres": {"work_dir": str(room)},
    }
    yield Machine(tmp_path, dump, keys, capsys)
    room.rmdir()


def no_dump(machine):
    machine.dump.rename(machine.directory / "elsewhere.dump")


def old_dump(machine):
    then = (datetime.fromtimestamp(machine.dump.stat().st_mtime, tz=UTC) - DAYS_AGO).timestamp()
    os.utime(machine.dump, (then, then))


def a_dump_larger_than_the_disk(machine):
    os.truncate(machine.dump, 10**13)


def something_else_than_a_dump(machine):
    machine.dump.write_bytes(b"%PDF-1.7 invoices")


def no_program_to_decrypt(machine):
    machine.target["decrypt"] = ["no-such-program"]


def a_file_where_the_folder_of_the_history_should_be(machine):
    (machine.directory / "state").write_text("")


def something_else_than_a_history(machine):
    (machine.directory / "notes.txt").write_text("remember the milk")
    machine.keys["history"]["path"] = "notes.txt"


def a_folder_in_place_of_the_history(machine):
    machine.keys["history"]["path"] = "backups"


def no_work_dir(machine):
    Path(machine.keys["postgres"]["work_dir"]).rmdir()


def a_work_dir_that_everybody_may_write_to(machine):
    Path(machine.keys["postgres"]["work_dir"]).chmod(0o777)


def no_such_user(machine):
    machine.keys["postgres"]["run_as"] = "nobody-of-this-name"


def a_web_hook_that_everybody_may_read(machine):
    machine.keys["notify"] = [{"webhook": {"url": "https://example.org/hooks/s3cr3t"}}]
    machine.path.chmod(0o644)


def a_channel_that_is_no_apprise_url(machine):
    machine.keys["notify"] = ["nosuchservice://token"]


def only_root_gives_files_away():
    need(os.geteuid() == 0, *ROOT)


def a_configuration_that_everybody_may_change(machine):
    machine.path.chmod(0o666)


def a_configuration_of_a_group(machine):
    only_root_gives_files_away()
    os.chown(machine.path, -1, os.getgid() + 4711)
    machine.path.chmod(0o660)


def a_configuration_of_somebody_else(machine):
    only_root_gives_files_away()
    os.chown(machine.path, 4711, -1)


def a_configuration_in_a_folder_that_everybody_may_change(machine):
    machine.directory.chmod(0o777)


def pages_for_every_machine(machine):
    machine.keys["runner"] = {"pages": {"listen": "0.0.0.0:9188"}}


def a_token_that_everybody_may_read(machine):
    machine.keys["runner"] = {"pages": {"listen": "127.0.0.1:9188", "token_file": "token"}}
    (machine.directory / "token").write_text("one that nobody guesses")
    (machine.directory / "token").chmod(0o644)


def a_token_of_a_word(machine):
    a_token_that_everybody_may_read(machine)
    (machine.directory / "token").write_text("token")
    (machine.directory / "token").chmod(0o600)


def no_programs(machine):
    machine.keys["postgres"]["bin_dir"] = str(machine.directory)


def no_schedule(machine):
    machine.keys["defaults"] = {}


def a_dump_that_is_cut(machine):
    whole = machine.dump.read_bytes()
    machine.dump.write_bytes(whole[: len(whole) * 9 // 10])
    an_hour_ago = machine.dump.stat().st_mtime - 3600
    os.utime(machine.dump, (an_hour_ago, an_hour_ago))


def a_dump_of_another_database(machine):
    machine.keys["targets"][0]["databases"] = ["shop"]


BROKEN = {
    no_schedule: {"RC121"},
    a_dump_that_is_cut: {"RC122"},
    no_dump: {"RC102"},
    old_dump: {"RC103"},
    a_dump_larger_than_the_disk: {"RC104", "RC122"},
    something_else_than_a_dump: {"RC106"},
    no_program_to_decrypt: {"RC105"},
    a_file_where_the_folder_of_the_history_should_be: {"RC107"},
    something_else_than_a_history: {"RC107"},
    a_folder_in_place_of_the_history: {"RC107"},
    no_work_dir: {"RC104", "RC108"},
    a_work_dir_that_everybody_may_write_to: {"RC108"},
    no_such_user: {"RC109"},
    a_web_hook_that_everybody_may_read: {"RC110"},
    a_channel_that_is_no_apprise_url: {"RC110", "RC111"},
    a_configuration_that_everybody_may_change: {"RC112"},
    a_configuration_of_a_group: {"RC112"},
    a_configuration_of_somebody_else: {"RC112"},
    a_configuration_in_a_folder_that_everybody_may_change: {"RC112"},
    pages_for_every_machine: {"RC125"},
    a_token_that_everybody_may_read: {"RC126"},
    a_token_of_a_word: {"RC126"},
    no_programs: {"RC101"},
}


@pytest.fixture
def robot(machine, dumps):
    """What only a person does: dump anew, choose another disk, correct a URL."""

    def dump_again():
        machine.dump.write_bytes(dumps["custom"].read_bytes())

    def no_channel():
        machine.keys["notify"] = []

    return Robot(
        machine,
        answers={
            f"correct dump.path, or give restorecheck the right to read {machine.target['path']}": dump_again,
            "run the job that dumps": machine.dump.touch,
            f"write a token into {machine.directory}/token": lambda: (
                machine.directory / "token"
            ).write_text("one that nobody guesses"),
            "a larger file system": "/dev/shm",
            "correct dump.decrypt or dump.path": dump_again,
            "install no-such-program": lambda: machine.target.pop("decrypt"),
            f"give restorecheck the right to write to {machine.directory}/state, or correct history.path": (
                machine.directory / "state"
            ).unlink,
            f"give restorecheck the right to write to {machine.directory}, or correct history.path": (
                lambda: machine.keys.update(history={"path": "state/history.sqlite"})
            ),
            "look at the job that writes the dumps, and run it": dump_again,
            "correct the channel, or install the package it needs": lambda: machine.keys.update(
                notify=[]
            ),
        },
    )


def test_of_a_healthy_machine_nothing_is_complained_about_and_nothing_is_made(machine):
    before = sorted(machine.directory.rglob("*"))

    outcome = machine.run("doctor")

    assert outcome.code == 0, outcome.out
    assert "0 problems" in outcome.out
    assert "PostgreSQL" in outcome.out
    assert sorted({*machine.directory.rglob("*")} - {machine.path}) == before


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda f: f.__name__)
def test_a_broken_machine_is_mended_by_the_advice(break_it, machine, robot):
    machine.path.write_text("")
    break_it(machine)

    found = robot.look()
    robot.mend(found)

    assert {f["rule"] for f in found} == BROKEN[break_it]
    if break_it is a_dump_larger_than_the_disk:
        os.truncate(machine.dump, 10**6)  # no disk is that large
    assert robot.look() == []


@pytest.mark.parametrize(
    ("file", "folder"),
    [(0o664, 0o775), (0o600, 0o1777)],
    ids=["for the group that is the owner's own", "in a folder like /tmp"],
)
def test_what_only_looks_as_if_others_could_change_it_is_no_problem(machine, file, folder):
    machine.path.write_text("")
    machine.path.chmod(file)
    machine.directory.chmod(folder)

    findings = json.loads(machine.run("doctor", "--format", "json").out)["findings"]

    assert [f["outcome"] for f in findings if f["rule"] == "RC112"] == ["ok"]


def findings_of(machine, rule):
    outcome = machine.run("doctor", "--format", "json")
    found = [f for f in json.loads(outcome.out)["findings"] if f["rule"] == rule]
    assert sorted(Path(machine.keys["postgres"]["work_dir"]).iterdir()) == [], "all is removed"
    return [(f["outcome"], f["found"], f["advice"]) for f in found]


def plain(machine, dumps, before, after):
    """The plain dump, with something else in it."""
    machine.dump.unlink()
    text = dumps["plain"].read_text()
    assert before in text
    (machine.directory / "backups" / "library.sql").write_text(text.replace(before, after, 1))


EXTENSION = """\
--
-- Name: pg_nowhere; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_nowhere WITH SCHEMA public;
"""
START = "SET default_table_access_method = heap;\n"


@pytest.mark.parametrize(
    ("statement", "lacks"),
    [
        (EXTENSION, "the extension pg_nowhere"),
        (
            "CREATE COLLATION public.x (provider = libc, locale = 'xx_XX.utf8');",
            "the locale xx_XX.utf8, for the collation public.x",
        ),
    ],
)
def test_what_the_server_lacks_for_the_newest_dump_is_said_before_the_night(
    machine, dumps, statement, lacks
):
    plain(machine, dumps, START, f"{START}\n{statement}\n\n")

    ((outcome, found, advice),) = findings_of(machine, "RC123")

    assert outcome == "problem"
    assert lacks in found
    assert "ignore_extensions" in advice[0]["line"]


def test_what_the_server_lacks_for_any_of_several_databases_is_said(machine, dumps):
    text = dumps["plain -C"].read_text()
    backups = machine.directory / "backups"
    machine.dump.unlink()
    (backups / "library.sql").write_text(text)
    other = re.sub(r"\blibrary\b", "annex", text)
    (backups / "annex.sql").write_text(other.replace(START, f"{START}\n{EXTENSION}\n", 1))
    (backups / "library.sql").touch()
    machine.keys["targets"][0]["databases"] = "all"

    ((outcome, found, _),) = findings_of(machine, "RC123")

    assert outcome == "problem"
    assert "the extension pg_nowhere" in found


def test_an_extension_that_is_left_out_on_purpose_is_not_missed(machine, dumps):
    plain(machine, dumps, START, f"{START}\n{EXTENSION}\n")
    machine.target["ignore_extensions"] = ["pg_nowhere"]

    ((outcome, found, _),) = findings_of(machine, "RC123")

    assert (outcome, found.startswith("PostgreSQL 1")) == ("ok", True)


def test_a_locale_that_the_server_has_not_is_named(machine, dumps):
    machine.dump.unlink()
    text = dumps["plain -C"].read_text()
    other, number = re.subn(r"LOCALE = '[^']*'", "LOCALE = 'xx_XX.utf8'", text)
    assert number
    (machine.directory / "backups" / "library.sql").write_text(other)

    ((outcome, found, _),) = findings_of(machine, "RC123")

    assert outcome == "ok"
    assert "it does not have the locale of the source (" in found
    assert "xx_XX.utf8" in found


def test_a_damaged_newest_dump_is_told_with_the_one_that_would_be_restored(machine, dumps):
    a_dump_that_is_cut(machine)
    older = machine.directory / "backups" / "older.dump"
    older.write_bytes(dumps["custom"].read_bytes())
    os.utime(older, (machine.dump.stat().st_mtime - 60,) * 2)

    ((outcome, found, _),) = findings_of(machine, "RC122")

    assert outcome == "problem"
    assert "library.dump is truncated or damaged" in found
    assert "the drill would fail" in found


def test_a_dump_of_another_database_is_told(machine):
    a_dump_of_another_database(machine)

    ((outcome, found, _),) = findings_of(machine, "RC122")

    assert outcome == "problem"
    assert "expected shop, found library" in found


def test_what_lies_beside_the_dumps_and_is_passed_over_is_named(machine):
    (machine.directory / "backups" / "roles.sql").write_text(
        "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n"
        "--\n-- PostgreSQL database cluster dump complete\n--\n"
    )

    ((outcome, found, _),) = findings_of(machine, "RC124")

    assert outcome == "ok"
    assert "roles.sql was skipped" in found


def test_a_dump_from_the_future_is_told(machine, dumps):
    plain(machine, dumps, START, START)
    (dump,) = machine.dump.parent.iterdir()
    later = dump.stat().st_mtime + 3 * 86400
    os.utime(dump, (later, later))

    ((outcome, found, _),) = findings_of(machine, "RC103")

    assert outcome == "problem"
    assert "in the future" in found


@pytest.mark.parametrize("name", ["custom", "directory", "plain"])
def test_a_large_dump_is_not_read_to_its_end_and_not_called_whole(
    machine, dumps, monkeypatch, name
):
    monkeypatch.setattr(preview, "MOST_BYTES", 1000)
    machine.target["path"] = str(dumps[name])

    ((outcome, found, _),) = findings_of(machine, "RC122")

    assert outcome == "not looked at"
    assert "only its header was read" in found


@pytest.mark.parametrize("name", ["custom", "directory"])
def test_of_a_large_archive_the_head_tells_what_it_needs(machine, dumps, monkeypatch, name):
    monkeypatch.setattr(preview, "MOST_BYTES", 1000)
    monkeypatch.setattr(
        preparation,
        "lacking",
        lambda _, inspection, *__: preparation.Lacking(collations=(inspection.dbname,)),
    )
    machine.target["path"] = str(dumps[name])

    ((outcome, found, _),) = findings_of(machine, "RC123")

    assert outcome == "problem"
    assert "lacks what the dump needs: library" in found


def test_a_dump_that_unpacks_to_more_than_there_is_room_for_ends_the_look(machine, monkeypatch):
    monkeypatch.setattr(preview, "MOST_UNPACKED", 20_000)
    packed = gzip.compress(machine.dump.read_bytes() + bytes(100_000))
    machine.dump.unlink()
    (machine.directory / "backups" / "library.dump.gz").write_bytes(packed)

    ((outcome, found, _),) = findings_of(machine, "RC122")

    assert outcome == "not looked at"
    assert "unpacks to more than" in found
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000


def test_a_look_that_takes_too_long_ends(machine, monkeypatch):
    monkeypatch.setattr(preview, "LIMIT", timedelta(0))

    ((outcome, found, _),) = findings_of(machine, "RC122")

    assert outcome == "not looked at"
    assert "was not completely read within 0 s" in found


def test_a_scratch_server_is_asked_for_rights_and_for_roles_of_policies(machine, source):
    socket = source.places.sockets
    for text in ("create role tenant nologin", "create role weak login"):
        source.sql(text, database="postgres")
    source.sql("create database shielded template library", database="postgres")
    source.sql("alter table books enable row level security", database="shielded")
    source.sql("create policy p on books to tenant using (true)", database="shielded")
    source.dump(machine.dump, "--format=custom", database="shielded")
    source.sql("drop database shielded", database="postgres")
    source.sql("drop role tenant", database="postgres")
    machine.target["into"] = f"postgresql://weak@/postgres?host={socket}&port=5432"
    machine.keys["scratch_servers"] = [f"{socket}:5432"]

    ((outcome, found, _),) = findings_of(machine, "RC123")
    assert outcome == "problem"
    assert "the role weak needs the right CREATEDB" in found

    source.sql("alter role weak createdb", database="postgres")
    ((outcome, found, _),) = findings_of(machine, "RC123")
    assert outcome == "problem"
    assert "no role tenant, which policies or user mappings of the dump need" in found
    source.sql("drop role weak", database="postgres")


def test_an_old_archive_that_was_copied_today_is_as_old_as_it_says(machine):
    whole = bytearray(machine.dump.read_bytes())
    with machine.dump.open("rb") as stream:
        toc = archive.read_toc(stream, len(whole), custom=True)
    assert toc.created_at is not None
    year = (toc.created_at.year - 1900).to_bytes(4, "little")
    place = whole.index(b"\0" + year)
    whole[place + 1] -= 1  # last year
    machine.dump.write_bytes(whole)

    findings = json.loads(machine.run("doctor", "--format", "json").out)["findings"]

    (age,) = [f for f in findings if f["rule"] == "RC103"]
    assert age["outcome"] == "problem", age


def test_a_file_full_of_holes_that_claims_to_be_an_archive_costs_no_memory(machine, dumps):
    folder = machine.directory / "holes"
    folder.mkdir()
    head = (dumps["directory"] / "toc.dat").read_bytes()
    (folder / "toc.dat").write_bytes(head[: len(head) // 2])
    os.truncate(folder / "toc.dat", 1 << 40)
    machine.target["path"] = str(folder)

    findings = json.loads(machine.run("doctor", "--format", "json").out)["findings"]

    assert "RC106" in {f["rule"] for f in findings if f["outcome"] == "problem"}


@pytest.mark.parametrize("name", ["directory", "tar", "plain", "plain -C", "custom by pipe"])
def test_every_format_of_dump_is_recognised_by_its_head(name, machine, dumps):
    machine.target["path"] = str(dumps[name])

    outcome = machine.run("doctor", "--format", "json")

    findings = {f["rule"]: f for f in json.loads(outcome.out)["findings"]}
    assert findings["RC106"]["outcome"] == "ok", findings["RC106"]


def test_the_folder_of_a_base_backup_is_named(machine):
    folder = machine.dump.parent / "base"
    folder.mkdir()
    (folder / "backup_label").touch()
    machine.target["path"] = str(folder)

    outcome = machine.run("doctor")

    assert "RC106 library: base is a base backup" in outcome.out


@pytest.mark.parametrize("pack", ["zip", "gztar"])
def test_a_packed_directory_format_dump_is_recognised(machine, dumps, pack, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "packed"), pack, dumps["directory"])
    machine.target["path"] = packed

    outcome = machine.run("doctor", "--format", "json")

    findings = {f["rule"]: f for f in json.loads(outcome.out)["findings"]}
    assert findings["RC106"]["outcome"] == "ok", findings["RC106"]


def test_a_dump_that_does_not_decrypt_is_said(machine):
    machine.target["decrypt"] = [sys.executable, "-c", "import sys; sys.exit('bad key')"]
    machine.dump.rename(machine.dump.with_suffix(".dump.age"))
    machine.dump.with_suffix(".dump.age").write_bytes(b"age-encryption.org/v1\n" + b"x" * 100)

    outcome = machine.run("doctor")

    assert outcome.code == 1
    assert "RC106 library: library.dump.age cannot be decrypted" in outcome.out
    assert "bad key" in outcome.out


def test_an_unknown_target_is_a_mistake_of_the_caller(machine):
    outcome = machine.run("doctor", "librarry")

    assert outcome.code == 2
    assert "no target 'librarry'" in outcome.err


def test_certificates_that_have_expired_are_no_use(tmp_path):
    bundle = tmp_path / "ca.pem"
    Authority().write_bundle(bundle)
    now = datetime.now(UTC)  # noqa: TID251  # the certificate is made now
    tmp_path.joinpath("empty.pem").write_text("-----BEGIN CERTIFICATE-----\n")

    assert expired(bundle, now) == ""
    assert "has expired" in expired(bundle, now + timedelta(days=365_000 / 10))
    assert "contains no" in expired(tmp_path / "empty.pem", now)
