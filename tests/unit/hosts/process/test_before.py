"""The command that must succeed first."""

import os
import sys
import threading
from pathlib import Path

import psutil
import pytest

from restorecheck.errors import ProviderError
from restorecheck.hosts.process.before import run_before


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "restorecheck.yaml"
    made.touch(mode=0o600)
    return made


def python(code):
    return [sys.executable, "-c", code]


def run(file, *arguments, timeout=20.0, stop=lambda: False):
    run_before(arguments, timeout=timeout, config_file=file, stop=stop)


def test_what_succeeds_is_passed_over(file):
    run(file, "true")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", "echo first; echo 'mount: no such device' >&2; exit 32"], "mount: no such device (exit code 32)"),
        (["false"], "it printed no reason (exit code 1)"),
        (["sh", "-c", "kill -9 $$"], "(signal 9)"),
        (["/no/such/program"], "did not start: No such file or directory"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_the_words_of_the_command(file, command, said):
    with pytest.raises(ProviderError) as caught:
        run(file, *command)
    assert said in caught.value.message


@pytest.mark.parametrize("stop", [False, True], ids=["too long", "the drill ends"])
def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(file, stop):
    number = file.parent / "pid"
    code = f"import subprocess; p = subprocess.Popen(['sleep', '99']); open({str(number)!r}, 'w').write(str(p.pid)); p.wait()"

    def started():
        return stop and number.exists() and bool(number.read_text())

    with pytest.raises(ProviderError, match="did not end within"):
        run(file, *python(code), timeout=60 if stop else 3, stop=started)
    assert is_gone(int(number.read_text()))


def is_gone(number):
    """A signal takes its time."""
    nap = threading.Event()
    for _ in range(200):
        try:
            if psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        nap.wait(0.05)
    return False


def test_a_tunnel_that_stays_in_the_background_is_not_waited_for(file):
    code = (
        "import os, sys, time\n"
        "if os.fork(): sys.exit()\n"
        f"open({str(file.parent / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(30)"
    )
    run(file, *python(code), timeout=20)
    for _ in range(1000):
        if (text := _text(file.parent / "pid")) and psutil.pid_exists(int(text)):
            break
    os.kill(int(text), 9)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize(("mode", "refused"), [(0o606, True), (0o644, False)])
def test_no_command_is_run_that_another_user_can_have_written(file, mode, refused):
    made = file.parent / "made"
    file.chmod(mode)
    if refused:
        with pytest.raises(
            ProviderError, match="was not run: every user of this machine can write to"
        ) as caught:
            run(file, "touch", str(made))
        assert "RC112" in caught.value.hint
    else:
        run(file, "touch", str(made))
    assert made.exists() is not refused
