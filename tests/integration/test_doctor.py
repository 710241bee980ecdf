"""Before the first night, on one machine: broken set-ups, each mended by doctor's own advice."""

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck.hosts.cli import main
from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.tls import expired
from restorecheck.sandbox.certificates import Authority
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
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")


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


def no_programs(machine):
    machine.keys["postgres"]["bin_dir"] = str(machine.directory)


BROKEN = {
    no_dump: {"RC102"},
    old_dump: {"RC103"},
    a_dump_larger_than_the_disk: {"RC104"},
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
            f"correct dump.path, or let us read {machine.target['path']}": dump_again,
            "run the job that dumps": machine.dump.touch,
            "a larger file system": "/dev/shm",
            "correct dump.decrypt or dump.path": dump_again,
            "install no-such-program": lambda: machine.target.pop("decrypt"),
            f"let us write to {machine.directory}/state, or correct history.path": (
                machine.directory / "state"
            ).unlink,
            f"let us write to {machine.directory}, or correct history.path": (
                lambda: machine.keys.update(history={"path": "state/history.sqlite"})
            ),
            "correct the channel, or install what it needs": lambda: machine.keys.update(notify=[]),
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
    assert "holds no certificate" in expired(tmp_path / "empty.pem", now)
