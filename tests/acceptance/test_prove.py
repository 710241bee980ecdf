"""`restorecheck prove`, as a person runs it."""

import json
import shutil
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def dumped(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    return world


def test_damage_that_nobody_noticed_is_named_and_the_score_stands_in_the_report(dumped):
    dumped.configure("[{not_null: {table: books, columns: [title]}}]")

    done = dumped.run("prove", "library", "--min-score", "90", "--table", "public.books")

    assert done.returncode == 1, done.stderr
    assert "library: configured checks detect " in done.stdout
    assert "UNDETECTED         a duplicate key, once in the index" in done.stdout
    assert "would be detected by: uniqueness of id of public.books" in done.stdout
    stored = json.loads(dumped.run("report", "--format", "json").stdout)
    assert stored["verdict"] == "verified"
    assert stored["teardown"]["outcome"] == "complete"
    proof = stored["proof"]
    assert "a duplicate key, once in the index" in proof["unseen"]
    assert 0 < proof["seen"] < proof["of"] / 2
    seen = {d["kind"]: d for d in proof["damages"]}
    assert seen["a required column without its values"]["noticed"] == "yours"
    assert "configured checks detect" in dumped.run("report").stdout
    assert "author 1" not in json.dumps(stored), "no values"


def test_what_is_restored_into_a_server_of_somebody_elses_is_never_damaged(world):
    world.configure(
        dump=", into: 'postgresql://x@127.0.0.1:1/'", extra="scratch_servers: ['127.0.0.1:1']\n"
    )

    done = world.run("prove", "library")

    assert done.returncode == 2
    assert "does not restore into a throw-away server" in done.stderr


def test_a_backup_that_fails_is_not_damaged(dumped):
    dumped.configure("[{row_count: {table: books, min: 1_000_000}}]")

    done = dumped.run("prove", "library")

    assert done.returncode == 1
    assert "nothing is proven" in done.stderr
    assert "proof" not in dumped.run("report").stdout


def test_an_interrupt_in_the_middle_of_damage_tears_down_and_keeps_the_verdict(dumped):
    process = subprocess.Popen(
        [sys.executable, "-m", "restorecheck", "prove", "library"],
        cwd=dumped.directory,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "damage 3 of" in line:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=60)

    assert process.returncode == 130
    stored = json.loads(dumped.run("report", "--format", "json").stdout)
    assert stored["verdict"] == "verified"
    assert stored["teardown"]["outcome"] == "complete"
