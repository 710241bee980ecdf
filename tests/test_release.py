"""`make release`, without its image: twice, in two folders and without a network, with the same bytes."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from restorecheck import __version__
from restorecheck.evidence.statements import STATEMENT
from restorecheck.signing.envelopes import opened, public_key_of
from tests.missing import need
from tests.test_chart import imported
from tools.release.needed import blocks, needed
from tools.release.parts import TEMPLATES

ROOT = Path(__file__).parents[1]
TIME = "2026-02-26T03:15:00+00:00"
STEM = f"restorecheck-{__version__}"
GIT = {
    **os.environ,
    **{
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in (("NAME", "a"), ("EMAIL", "a@example.org"), ("DATE", TIME))
    },
}


def committed(folder: Path) -> Path:
    """The working copy as a commit, in a folder of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"]):
        subprocess.run(["git", *words], cwd=folder, env=GIT, check=True)
    return folder


def release(folder: Path, into: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    alone = ["unshare", "--net", "--"] if os.geteuid() == 0 and shutil.which("unshare") else []
    return subprocess.run(
        [*alone, sys.executable, "-m", "tools.release", "--no-image", into],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "release.pem"
    need(shutil.which("openssl"), "openssl", "apt-get install openssl")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, key):
    need((ROOT / ".git").exists(), "git", "run the tests in a clone")
    folder = committed(tmp_path_factory.mktemp("first"))
    out = tmp_path_factory.mktemp("release") / "of-this-commit"
    done = release(folder, out, RELEASE_KEY=str(key))
    assert done.returncode == 0, done.stderr
    return out


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_commit_makes_the_same_bytes_in_another_folder_and_year(made, tmp_path, key):
    os.umask(umask := os.umask(0o077))  # neither the umask
    again = committed(tmp_path / "a folder of another name")
    for path in again.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)  # nor the times of the files count
    os.umask(0o077)
    try:
        done = release(again, tmp_path / "out", RELEASE_KEY=str(key))
    finally:
        os.umask(umask)

    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "out") == digests(made)


def test_a_release_has_everything_and_its_sums_are_right(made):
    names = {path.name for path in made.iterdir()}

    assert names == {
        "RELEASE-NOTES.md",
        "SHA256SUMS",
        f"{STEM}-py3-none-any.whl",
        f"{STEM}-templates.tar.gz",
        f"{STEM}.cdx.json",
        f"{STEM}.provenance.dsse.json",
        f"{STEM}.provenance.json",
        f"{STEM}.tar.gz",
        f"{STEM}.tgz",
    }
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=made, check=True)
    assert len((made / "SHA256SUMS").read_text().splitlines()) == len(names) - 1


def test_the_provenance_names_each_file_the_commit_and_nothing_of_this_machine(made):
    text = (made / f"{STEM}.provenance.json").read_text()
    said = json.loads(text)
    attestation = imported("in_toto_attestation.v1.statement").Statement
    predicate = said["predicate"]["buildDefinition"]

    attestation(
        [
            imported("in_toto_attestation.v1.resource_descriptor").ResourceDescriptor(**one).pb
            for one in said["subject"]
        ],
        said["predicateType"],
        said["predicate"],
    ).validate()
    assert said["_type"] == STATEMENT
    assert {one["name"]: one["digest"]["sha256"] for one in said["subject"]} == {
        name: digest
        for name, digest in digests(made).items()
        if "provenance" not in name and name != "SHA256SUMS"
    }
    assert re.fullmatch("[0-9a-f]{40}", predicate["resolvedDependencies"][0]["digest"]["gitCommit"])
    assert predicate["internalParameters"]["SOURCE_DATE_EPOCH"] == "1772075700"
    assert str(ROOT) not in text
    assert str(made.parents[1]) not in text


def test_the_signature_is_of_the_provenance(made, key, tmp_path):
    public = tmp_path / "release.pub"
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)

    envelope = opened(
        (made / f"{STEM}.provenance.dsse.json").read_text(), [public_key_of(public.read_bytes())]
    )

    assert envelope.problem == ""
    assert envelope.payload == (made / f"{STEM}.provenance.json").read_bytes()


def test_the_bill_of_materials_is_valid_and_has_every_pin(made):
    text = (made / f"{STEM}.cdx.json").read_text()
    pins = {name.lower() for name, _ in blocks((ROOT / "constraints.txt").read_text())}

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    assert {f"{one['name']}=={one['version']}" for one in components} == pins
    assert {one["purl"].split(":")[1].split("/")[0] for one in components} == {"pypi"}


def test_helm_loads_the_packed_chart_and_renders_what_the_folder_renders(made):
    helm = imported("helm_python")
    values = {"image": {"repository": "example"}, "existingSecret": "config"}

    packed = helm.Chart.load(made / f"{STEM}.tgz").render(values, name="one")

    assert packed == helm.Chart.load(ROOT / "charts/restorecheck").render(values, name="one")


def test_the_templates_have_all_that_people_copy(made):
    with tarfile.open(made / f"{STEM}-templates.tar.gz") as tar:
        names = [name.removeprefix(f"{STEM}/") for name in tar.getnames()]

    for template in TEMPLATES:
        assert any(name == template or name.startswith(f"{template}/") for name in names)


def test_the_sdist_makes_the_same_wheel(made, tmp_path):
    subprocess.run(["tar", "-xzf", made / f"{STEM}.tar.gz", "-C", tmp_path], check=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=tmp_path / STEM,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1772075700"},
        check=True,
        capture_output=True,
    )
    wheel = f"{STEM}-py3-none-any.whl"

    assert {path.name for path in (tmp_path / STEM).iterdir()} >= {"Dockerfile", "action.yml"}
    assert (tmp_path / wheel).read_bytes() == (made / wheel).read_bytes()


def test_notes_are_of_the_fragments_and_afterwards_of_the_changelog(made, tmp_path):
    notes = (made / "RELEASE-NOTES.md").read_text()
    assert notes.startswith(f"## {__version__} (2026-02-26)")
    for fragment in (ROOT / "changes").glob("*.added.md"):
        assert fragment.read_text().split("\n")[0].split()[0] in notes

    folder = committed(tmp_path / "released")
    for fragment in (folder / "changes").glob("*.*.md"):
        fragment.unlink()
    subprocess.run(
        ["git", "commit", "--quiet", "--all", "--message=release"], cwd=folder, env=GIT, check=True
    )
    assert release(folder, tmp_path / "out").returncode == 0

    section = (tmp_path / "out" / "RELEASE-NOTES.md").read_text()
    assert section.startswith("## ")
    assert section.count("\n## ") == 0
    assert section.strip() in (ROOT / "CHANGELOG.md").read_text()


def test_files_that_are_not_committed_are_no_release(tmp_path):
    folder = committed(tmp_path / "source")
    (folder / "restorecheck" / "extra.py").touch()

    done = release(folder, tmp_path / "out")

    assert done.returncode == 1
    assert "restorecheck/extra.py" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_not_pinned_is_not_installed():
    report = {"install": [{"metadata": {"name": "Surprise", "version": "1"}}]}

    with pytest.raises(ValueError, match="not pinned: surprise==1"):
        needed((ROOT / "constraints.txt").read_text(), json.dumps(report))


def test_there_is_one_version_in_all_that_names_one():
    chart = yaml.safe_load((ROOT / "charts/restorecheck/Chart.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == __version__
