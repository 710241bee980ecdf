"""The files that people deploy: read by the programs that will read them, as far as they are here."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.missing import missing

ROOT = Path(__file__).parents[1]
FILES = ROOT / "docs" / "how-to" / "service"
TOOLS = Path(sys.executable).parent


def tool(name):
    found = shutil.which(name) or shutil.which(name, path=str(TOOLS))
    if found is None:
        missing(name, ".ci/run installs it")
    return found


def test_systemd_takes_the_units(tmp_path):
    """`verify` wants the program of ExecStart to be there, so a stand-in is named."""
    verify = tool("systemd-analyze")
    program = tmp_path / "restorecheck"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in FILES.glob("restorecheck*.*"):
        text = unit.read_text().replace("/opt/restorecheck/bin/restorecheck", str(program))
        (tmp_path / unit.name).write_text(text)
    units = [
        str(path) for path in sorted(tmp_path.glob("*.service")) + sorted(tmp_path.glob("*.timer"))
    ]
    assert len(units) == 3

    done = subprocess.run([verify, "verify", *units], capture_output=True, text=True, check=False)

    said = [line for line in done.stderr.splitlines() if "restorecheck" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_hadolint_finds_nothing_in_the_dockerfile():
    done = subprocess.run(
        [tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


MANIFESTS = ("kubernetes.yaml", "kubernetes-job.yaml", "kubernetes-runner.yaml")


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_takes_the_manifest(name):
    done = subprocess.run(
        [tool("kubernetes-validate"), "--strict", "--no-warn", str(FILES / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_container_and_the_pod_are_not_root_and_agree():
    docker = (ROOT / "Dockerfile").read_text()
    job, *_ = yaml.safe_load_all((FILES / "kubernetes.yaml").read_text())
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    uid = re.search(r"--uid (\d+)", docker)
    assert uid is not None
    assert re.findall(r"^USER (\w+)", docker, re.MULTILINE)[-1] == uid[1]
    assert pod["securityContext"]["runAsUser"] == int(uid[1])
    assert pod["securityContext"]["runAsNonRoot"]
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    (volume,) = re.findall(r'^VOLUME \["(.*)"\]', docker, re.MULTILINE)
    assert volume in mounts


def test_the_context_has_what_the_wheel_is_built_of_and_what_is_installed_has_a_name():
    docker = (ROOT / "Dockerfile").read_text()
    allowed = re.findall(r"^!(.*)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert all((ROOT / name).exists() for name in allowed)
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE"} <= set(allowed)
    (extras,) = re.findall(r"tools/release/install /opt/restorecheck (\S+)", docker)
    assert set(extras.split(",")) <= project["project"]["optional-dependencies"].keys()
