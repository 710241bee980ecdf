"""What real shells complete with the scripts of `restorecheck completion`."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restorecheck.hosts.cli.arguments import main
from tests.missing import need

SHELLS = ("bash", "zsh", "fish")
CONFIGURATION = """\
version: 1
targets:
  - {name: courses, dump: {path: x}}
  - {name: crm, dump:
  - {name: "touch owned; $(touch owned)", dump: {path: x}}
"""
EDITING = "\x1b[?2004h"
"""What zsh writes as soon as its line editor reads."""
PATIENCE = 30
"""Seconds for a shell to answer; then the test fails."""


@pytest.fixture
def place(tmp_path):
    """A folder with a configuration and one other file, in which a shell finds the command."""
    (tmp_path / "restorecheck.yaml").write_text(CONFIGURATION.replace("dump:\n", "dump: {}}\n"))
    (tmp_path / "notes.txt").touch()
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    commands = Path(sys.executable).parent
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(place), "TERM": "dumb", "LANG": "C.UTF-8"}


def completed(shell: str, line: str, place: Path) -> set[str]:
    """The words that the shell offers in place of the last one of the line."""
    program = shutil.which(shell) or ""
    need(program, shell, f"apt-get install {shell}")
    if shell == "zsh":
        return in_zsh(program, line, place)
    words = line.split(" ")
    script = {
        "bash": f"""eval "$(restorecheck completion bash)"
            COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
            _restorecheck; printf '%s\\n' "${{COMPREPLY[@]}}" """,
        "fish": f"restorecheck completion fish | source; complete -C '{line}'",
    }[shell]
    done = subprocess.run(
        [program, "-c", script],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    return {word.partition("\t")[0] for word in done.stdout.splitlines()} - {""}


def in_zsh(program: str, line: str, place: Path) -> set[str]:
    """Of zsh, which completes in its line editor only, on a terminal."""
    setup = (
        "autoload -Uz compinit; compinit -u -D; PS1=; zstyle ':completion:*' list-separator ' # '; "
        "setopt listrowsfirst; LISTMAX=0; COLUMNS=200; LINES=200; "
        'eval "$(restorecheck completion zsh)"; bindkey "^T" list-choices\n'
    )
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(place)
        os.execve(program, ["zsh", "-f", "-i"], environment(place))  # noqa: S606  # as a login does
    try:
        read(terminal, EDITING)
        os.write(terminal, setup.encode())
        read(terminal, EDITING)
        os.write(terminal, f"{line}\x14".encode())
        said = read(terminal, line, times=2)  # as it is typed, and again below the list
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    listed = re.sub(r"\x1b[^a-zA-Z]*[a-zA-Z]", "\n", said)
    return {row.split(" ")[0] for row in re.split(r"[\r\n]+|  +", listed)}


def read(terminal: int, until: str, *, times: int = 1) -> str:
    said = ""
    while said.replace("\r", "").count(until) < times:
        assert select.select([terminal], [], [], PATIENCE)[0], said
        said += os.read(terminal, 65536).decode()
    return said


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "offered", "others"),
    [
        ("restorecheck d", {"drill", "doctor", "demo"}, {"run", "sweep"}),
        ("restorecheck drill --f", {"--full-text"}, {"--json"}),
        ("restorecheck drill c", {"courses", "crm"}, {"config"}),
        ("restorecheck history ", {"verify", "accept", "courses"}, {"drill"}),
    ],
)
def test_a_shell_completes(shell, line, offered, others, place):
    found = completed(shell, line, place)

    assert offered <= found
    assert not others & found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_that_is_a_command_of_the_shell_is_never_offered(shell, place):
    assert not {word for word in completed(shell, "restorecheck drill ", place) if "touch" in word}
    assert not (place / "owned").exists()


def test_a_file_that_an_option_names_is_completed_by_the_shell(place):
    assert "notes.txt" in completed("fish", "restorecheck drill --full-text n", place)


def offered(capsys, *words):
    assert main(["completion", "bash", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_targets_are_those_of_the_configuration_that_the_line_names(place, capsys):
    file = str(place / "restorecheck.yaml")

    assert offered(capsys, "-c", file, "drill", "") == ["courses", "crm"]
    assert offered(capsys, "drill", "-c", file, "cr") == ["crm"]
    assert offered(capsys, "drill", "-c", str(place / "none"), "cr") == []


def test_commands_below_a_command_and_values_of_an_option_are_offered_alone(capsys):
    assert offered(capsys, "config", "") == ["validate", "discover", "schema", "example"]
    assert offered(capsys, "demo", "") == ["dumps", "aws"]
    assert offered(capsys, "doctor", "--fail-on", "") == ["critical", "high", "medium", "low"]
    assert offered(capsys, "drill", "--full-text", "") == []


def test_bash_splits_an_option_and_its_value_and_others_do_not(capsys):
    assert offered(capsys, "report", "--format", "=", "h") == ["html"]
    assert "html" in offered(capsys, "report", "--format", "=")
    assert offered(capsys, "report", "--format=h") == ["--format=html"]
