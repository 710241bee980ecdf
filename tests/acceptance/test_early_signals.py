"""A signal while a command starts: each import of a start is a moment at which one may come."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

AT_AN_IMPORT = """
import os, runpy, sys
number, wanted = int(sys.argv.pop(1)), sys.argv.pop(1)

def look(event, arguments):
    if event == "import" and arguments[0] == wanted:
        os.kill(os.getpid(), number)

sys.addaudithook(look)
runpy.run_module("restorecheck", run_name="__main__", alter_sys=True)
"""
MOMENTS = [
    "restorecheck.hosts.cli",
    "argparse",
    "restorecheck.hosts.cli.commands",
    "pydantic",
    "restorecheck.config",
    "yaml",
]
OF_DRILLS = ["structlog", "restorecheck.hosts.drill.wiring", "psycopg"]
"""Which a drill alone imports, when it has read its configuration."""
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def listens() -> None:
    """Also where the tests run under nohup or in the background, which ignore some."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def started(tmp_path: Path, number: signal.Signals, moment: str, *command: str) -> tuple[int, str]:
    config = tmp_path / "restorecheck.yaml"
    config.write_text("version: 1\ntargets: [{name: courses, dump: {path: /nowhere}}]\n")
    done = subprocess.run(
        [sys.executable, "-c", AT_AN_IMPORT, str(int(number)), moment, *command],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=listens,  # it sets handlers, and nothing else
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        *((signal.SIGTERM, moment) for moment in (*MOMENTS, *OF_DRILLS)),
        *((number, moment) for number in SIGNALS[1:] for moment in (MOMENTS[0], OF_DRILLS[-1])),
    ],
)
def test_a_drill_that_is_interrupted_before_it_began_says_so_by_its_exit_code_alone(
    tmp_path, number, moment
):
    assert started(tmp_path, number, moment, "drill") == (130, "")
    assert not (tmp_path / "state").exists(), "the drill did not start"


@pytest.mark.parametrize("command", ["run", "status", "sweep", "doctor", "config validate"])
def test_every_command_that_is_interrupted_while_it_starts_exits_so(tmp_path, command):
    moment = "restorecheck.config.document"

    assert started(tmp_path, signal.SIGTERM, moment, *command.split()) == (130, "")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_has_begun_is_interrupted_as_by_ctrl_c(tmp_path, number):
    """`doctor` looks into its first folder."""
    moment = "restorecheck.hosts.cli.doctor"

    assert started(tmp_path, number, moment, "doctor") == (130, "")


def test_a_signal_that_nohup_ignores_stays_ignored(tmp_path):
    ignored = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    config = tmp_path / "restorecheck.yaml"
    config.write_text("version: 1\ntargets: [{name: courses, dump: {path: /nowhere}}]\n")
    hup = [str(int(signal.SIGHUP)), "restorecheck.hosts.cli.commands", "config", "validate"]

    done = subprocess.run(
        [sys.executable, "-c", ignored, "-c", AT_AN_IMPORT, *hup],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_command_handles_signals_as_the_module_does():
    from importlib.metadata import entry_points  # noqa: PLC0415  # reads what is installed

    (command,) = entry_points(group="console_scripts", name="restorecheck")

    assert command.value == "restorecheck.__main__:main"
