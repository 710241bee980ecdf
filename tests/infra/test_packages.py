"""What `restorecheck infra export` writes: packages for Lambda, made on whatever machine this is."""

import hashlib
import importlib.metadata
import importlib.util
import marshal
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from restorecheck.errors import ConfigError, ProviderError
from restorecheck.hosts.cli import infra_export
from restorecheck.hosts.cli.arguments import main
from tests.missing import left_out, missing

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    directory = tmp_path_factory.mktemp("export")
    bundle = directory / "bundle.pem"
    bundle.write_text(PEM)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(infra_export, "compiles", lambda: True)
            infra_export.export(directory / "first", architecture="x86_64", ca_bundle=bundle)
    except ProviderError as exc:
        missing("wheels for another platform", f"let pip reach an index: {exc.message}")
    return directory


def packages(exported):
    return sorted((exported / "first").glob("*.zip"))


def names(package):
    with zipfile.ZipFile(package) as archive:
        return archive.namelist()


def test_every_function_has_a_package_and_the_templates_lie_beside(exported):
    found = sorted(path.name for path in (exported / "first").iterdir())

    assert found == [
        "adopter.zip",
        "backup-account.yaml",
        "checker.zip",
        "guardrails",
        "notifier.zip",
        "planner.zip",
        "source-account.yaml",
        "stepper.zip",
        "sweeper.zip",
        "terraform",
    ]


def test_the_same_input_gives_the_same_bytes(exported, monkeypatch):
    monkeypatch.setattr(infra_export, "compiles", lambda: True)
    (again,) = infra_export.packages(["notifier"], exported, architecture="x86_64", bundle=PEM)

    first = (exported / "first" / "notifier.zip").read_bytes()
    assert hashlib.sha256(first).digest() == hashlib.sha256(again.read_bytes()).digest()


def test_packages_are_small_and_hold_what_their_function_uses(exported):
    for package in packages(exported):
        held = {name.partition("/")[0] for name in names(package)}
        assert package.stat().st_size < infra_export.LIMIT
        assert f"{package.stem}.py" in held
        assert {"boto3", "pydantic", "structlog", "restorecheck"} <= held
        assert "restorecheck/postgres/scan/structure.sql" in names(package)
        assert ("psycopg" in held) is (package.stem == "checker")
        assert ({"jinja2", "pygal"} <= held) is (package.stem == "notifier")
        assert ({"opentelemetry", "google"} <= held) is (package.stem == "stepper")
        assert "restorecheck/report/html/report.html" in names(package)
        assert not held & {"moto", "apprise", "apscheduler", "pytest", "prometheus_client"}
        assert "rds-global-bundle.pem" in held


def test_of_botocore_only_the_services_that_are_used_are_there(exported):
    for package in packages(exported):
        services = {
            name.split("/")[2]
            for name in names(package)
            if name.startswith("botocore/data/") and name.count("/") > 2
        }
        assert services == infra_export.SERVICES


def test_each_source_is_compiled_and_the_compiled_file_is_never_compared_with_it(exported):
    """A package has no times: by them, Python would compile each file again at every cold start."""
    (package, *_) = packages(exported)
    sources = [name for name in names(package) if name.endswith(".py")]
    with zipfile.ZipFile(package) as archive:
        for source in sources:
            compiled = archive.read(importlib.util.cache_from_source(source))
            assert compiled.startswith(importlib.util.MAGIC_NUMBER)
            # Hash-based and unchecked. Source: Python's documentation, "Cached bytecode invalidation".
            assert compiled[4:8] == b"\1\0\0\0"
            code = marshal.loads(compiled[16:])  # noqa: S302  # of a package that the test has made
            assert code.co_filename == f"{infra_export.INSIDE}/{source}"
    assert len(sources) > 500


def test_compiled_files_of_another_python_are_left_out_and_this_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(infra_export, "PYTHON", "3.7")

    assert not infra_export.compiles()
    (hint,) = infra_export.hints(tmp_path)
    found = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"no compiled files: export with Python 3.7, found {found}" in hint


def test_the_python_of_the_functions_compiles_their_files(monkeypatch, tmp_path):
    monkeypatch.setattr(infra_export, "PYTHON", ".".join(map(str, sys.version_info[:2])))

    assert infra_export.compiles()
    assert [*infra_export.hints(tmp_path)] == []


def test_no_path_and_no_time_of_this_machine_is_in_a_package(exported):
    for package in packages(exported):
        with zipfile.ZipFile(package) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {infra_export.EPOCH}
            for entry in archive.infolist():
                if entry.filename.startswith("restorecheck/"):
                    assert str(Path.home()).encode() not in archive.read(entry)


def test_handlers_start_in_their_packages_alone(exported, tmp_path):
    """With the Python that Lambda runs, where this machine has it."""
    python = shutil.which("python3.13")
    works = python and subprocess.run([python, "-c", ""], check=False).returncode == 0
    if not works:
        left_out("python3.13 is not on this machine; Debian 12, which .ci/run knows, has none")
    for package in packages(exported):
        place = tmp_path / package.stem
        with zipfile.ZipFile(package) as archive:
            archive.extractall(place)
        code = (
            f"import sys; sys.path.insert(0, {str(place)!r}); import {package.stem} as m;"
            "[m.AROUND.client(s) for s in ('dynamodb', 's3', 'rds', 'sns', 'stepfunctions')];"
            f"print('psycopg' in sys.modules)"
        )
        done = subprocess.run(
            [str(python), "-I", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"AWS_DEFAULT_REGION": "eu-west-1", "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(package.stem == "checker")


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_bundle_that_is_none_is_refused_before_anything_is_written(tmp_path, capsys, content):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)

    code = main(["infra", "export", "--to", str(tmp_path / "out"), "--ca-bundle", str(bundle)])

    assert code == 2
    assert str(bundle) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be written"):
        infra_export.export(tmp_path / "file" / "out", architecture="arm64", ca_bundle=None)


def test_every_pin_is_there():
    for requirements in (infra_export.COMMON, *infra_export.FUNCTIONS.values()):
        lines = list(infra_export._pins(requirements))
        assert len(lines) == len(requirements)
        assert all("--hash=sha256:" in line for line in lines)


def needed(name, extras):
    """The packages that an installed one needs here, and what these need."""
    for line in importlib.metadata.requires(name) or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(
            wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            yield canonicalize_name(wanted.name)
            yield from needed(wanted.name, wanted.extras)


def test_the_stepper_has_every_package_that_sends_traces():
    wanted = {*needed("opentelemetry-sdk", ()), "opentelemetry-sdk"}
    wanted |= {*needed("opentelemetry-exporter-otlp-proto-http", ())}

    held = {*infra_export.COMMON, *infra_export.FUNCTIONS["stepper"]}
    assert wanted - held == set()


def test_every_function_of_the_template_is_exported():
    handlers = sorted(path.stem for path in (infra_export._beside() / "lambda").glob("*.py"))

    assert handlers == sorted(infra_export.FUNCTIONS)
