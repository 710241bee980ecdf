"""`restorecheck conformance aws` against the sandbox: what it leaves, and whether recordings replay."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from restorecheck.conformance import comparing, reading, recording
from restorecheck.conformance.questions import BY_ID, QUESTIONS
from restorecheck.hosts.cli.arguments import main
from restorecheck.sandbox import Fault, FaultKind
from tests.places import SHORT
from tests.rds import conforming, promise
from tests.rds.conforming import RECORDINGS, SCENARIOS, Scenario, arguments_of, configure, record

FILES = sorted(RECORDINGS.glob("*.jsonl"))


@pytest.fixture(scope="module")
def there():
    with conforming.stage() as made:
        yield made
        promise.assert_kept(made.sandbox.calls)


@pytest.fixture
def folder(there, monkeypatch):
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        monkeypatch.delenv(key)
    for key, value in there.sandbox.environment().items():
        monkeypatch.setenv(key, value)
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        yield Path(name)
    there.sandbox.calm()


def left(sandbox):
    """Everything that is there with our name on it."""
    things = [
        *sandbox.instances(sandbox.backup),
        *sandbox.snapshots(sandbox.backup),
        *sandbox.snapshots(sandbox.source),
        *sandbox.instances(sandbox.source),
    ]
    return [name for name in things if name.startswith("restorecheck-")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recording_is_what_the_simulation_answers_too(there, folder, file):
    recorded = recording.parse(file.read_text())

    code, played = record(there, folder, conforming.replaying(recorded))

    found = comparing.differences(recorded, played)
    assert code == 0
    assert found == [], "\n".join(map(str, found))
    assert reading.answers(played) == reading.answers(recorded)
    assert left(there.sandbox) == []


def test_an_answer_that_is_not_the_recorded_one_is_shown_with_both_sides(there, folder):
    recorded = recording.parse((RECORDINGS / "simulated-refusals.jsonl").read_text())
    _, played = record(there, folder, Scenario(arguments=("--step", "share")))

    (difference,) = comparing.differences(recorded, played)

    assert left(there.sandbox) == []
    assert difference.step == "share"
    assert "backup CopyDBSnapshot: InvalidDBSnapshotState, answered" in difference.recorded
    assert "backup CopyDBSnapshot: DBSnapshotNotFound, answered" in difference.simulated
    assert str(difference).index("recorded:") < str(difference).index("simulated:")


def test_the_recordings_show_every_answer_that_the_sandbox_says_it_can_give():
    shown = {
        item
        for file in FILES
        for item in reading.answers(recording.parse(file.read_text())).items()
    }

    wanted = {(question.id, answer) for question in QUESTIONS for answer in question.answers}
    assert wanted <= shown
    assert {told for s in SCENARIOS.values() for told in s.told.items()} <= shown


def test_the_command_asks_writes_down_and_leaves_nothing_behind(there, folder):
    output = folder / "recording.jsonl"
    arguments = arguments_of(there, folder, Scenario(job=True), output)

    done = subprocess.run(
        [sys.executable, "-m", "restorecheck", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert left(there.sandbox) == []
    assert output.stat().st_mode & 0o777 == 0o600
    assert "price: about $0." in done.stdout
    assert "skipped: there is no state machine" in done.stderr
    assert f"{BY_ID['gateway-endpoint'].asks}\n    not asked" in done.stdout
    end = recording.parse(output.read_text()).end
    assert end is not None
    assert (end.ended, end.left) == ("complete", 0)


def test_a_recording_names_nobody(there, folder):
    sandbox, land = there.sandbox, there.land
    record(there, folder, Scenario(arguments=("--step", "master")))

    text = (folder / "recording.jsonl").read_text()
    secret = [sandbox.source.account_id, sandbox.backup.account_id, "courses", "dbadmin"]
    secret += [land.role_arn, land.external_id, land.vpc_security_group_id, "127.0.0.1", "rds!db"]
    secret += [land.transit_kms_key_id.rpartition("/")[2], sandbox.restorecheck.access_key_id]
    assert [word for word in secret if word in text] == []
    assert not re.search(r"\d{4}-\d\d-\d\d|[0-9a-f]{8}-[0-9a-f]{4}-|20\d{6}-\d{6}", text)
    assert "RequestId" not in text


KILLED_AT = ("ModifyDBSnapshotAttribute", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot")


@pytest.mark.parametrize("operation", KILLED_AT)
def test_what_a_killed_run_left_is_swept_at_once(there, folder, operation):
    kill_at(there, folder, operation)
    assert left(there.sandbox), "it was killed in the middle"

    assert main(["sweep", "-c", str(folder / "restorecheck.yaml")]) == 0

    assert left(there.sandbox) == []


def test_what_a_killed_run_left_is_deleted_by_the_next_one(there, folder, capsys):
    kill_at(there, folder, "RestoreDBInstanceFromDBSnapshot")
    killed = recording.parse((folder / "killed.jsonl").read_text())

    code, made = record(there, folder, Scenario(arguments=("--step", "find")))

    assert killed.end is None
    assert "deleting what the run" in capsys.readouterr().err
    assert made.calls("earlier run"), "its teardown is recorded as well"
    assert code == 0
    assert left(there.sandbox) == []


def kill_at(there, folder, operation):
    """The process goes while this call's answer hangs; its work is done."""
    sandbox = there.sandbox
    since = len(sandbox.calls)
    fault = Fault(operation=operation, kind=FaultKind.HANG, seconds=2.0, after_effect=True)
    sandbox.faults.add(fault)
    scenario = Scenario(arguments=("--step", "restore"))
    arguments = arguments_of(there, folder, scenario, folder / "killed.jsonl")
    command = subprocess.Popen(
        [sys.executable, "-m", "restorecheck", *arguments],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    sandbox.wait_until(
        lambda: any(c.operation == operation for c in sandbox.calls[since:]), operation
    )
    command.kill()
    command.wait()
    accounts = (sandbox.source, sandbox.backup)
    made = [
        t
        for a in accounts
        for t in (*sandbox.instances(a).values(), *sandbox.snapshots(a).values())
    ]
    sandbox.wait_until(lambda: all(map(sandbox.sees, made)), "what was made to be seen")


def test_a_sweep_leaves_the_things_of_a_living_run_alone(there, folder):
    sandbox = there.sandbox
    since = len(sandbox.calls)
    arguments = arguments_of(
        there, folder, Scenario(arguments=("--step", "restore")), folder / "living.jsonl"
    )
    command = subprocess.Popen(
        [sys.executable, "-m", "restorecheck", *arguments],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        sandbox.wait_until(
            lambda: any(c.operation == "ModifyDBSnapshotAttribute" for c in sandbox.calls[since:]),
            "the share",
        )
        assert main(["sweep", "-c", str(folder / "restorecheck.yaml")]) == 0
        assert left(sandbox), "nothing of it was swept"
        assert command.wait(timeout=100) == 0
    finally:
        command.kill()
        command.wait()
    assert left(sandbox) == []


def test_the_first_surprise_ends_the_run_and_all_is_deleted(there, folder, capsys):
    there.sandbox.next_restore("incompatible-network")

    code, made = record(there, folder, Scenario(arguments=("--step", "password")))

    assert code == 3
    restore = made.outcome("restore")
    assert restore is not None
    assert restore.outcome == "surprise"
    assert made.outcome("password") is None, "nothing more was asked"
    assert "the status is incompatible-network" in capsys.readouterr().err
    assert left(there.sandbox) == []


def test_a_snapshot_of_another_role_is_never_swept_as_one_of_conformance(there, folder):
    """A copy of a drill is a backup: expired or not, and whatever run is dead."""
    sandbox = there.sandbox
    rds = sandbox.client("rds", sandbox.backup)
    kill_at(there, folder, "RestoreDBInstanceFromDBSnapshot")
    (copy,) = [s for s in sandbox.snapshots(sandbox.backup).values() if s.tags]
    copy.tags["restorecheck:role"] = "copy"

    assert main(["sweep", "-c", str(folder / "restorecheck.yaml")]) == 0

    assert left(sandbox) == [copy.identifier]
    rds.delete_db_snapshot(DBSnapshotIdentifier=copy.identifier)


def test_the_plan_changes_nothing_and_names_the_price(there, folder, capsys):
    since = len(there.sandbox.calls)

    assert main(["conformance", "aws", "--plan", "-c", str(configure(there, folder))]) == 0

    called = {call.operation for call in there.sandbox.calls[since:]}
    assert called <= {"GetCallerIdentity", "AssumeRole", "DescribeDBInstances"}
    told = capsys.readouterr().out
    assert "price: about $0.24 for 2 hours and 100 GB (production's storage)" in told
    assert "teardown" in told


def test_without_a_terminal_and_without_yes_nothing_is_started(there, folder, capsys, monkeypatch):
    with (folder / "nothing").open("w+") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["conformance", "aws", "-c", str(configure(there, folder))]) == 2

    assert "there is no terminal to confirm on" in capsys.readouterr().err
    assert left(there.sandbox) == []


def test_an_unknown_step_is_refused_before_anything_is_called(there, folder, capsys):
    since = len(there.sandbox.calls)
    config = str(configure(there, folder))

    assert main(["conformance", "aws", "--step", "copies", "-c", config]) == 2

    assert "no step 'copies'; known: find, stage" in capsys.readouterr().err
    assert there.sandbox.calls[since:] == ()
    assert json.loads(FILES[0].read_text().splitlines()[0])["simulated"] is True
