"""`restorecheck infra export`: templates and function packages, from a clone or an installed wheel.

A package contains what its function imports, built for Lambda's platform. The same input gives the
same bytes: names in order, no times, no paths of this machine.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from restorecheck.errors import ConfigError, Problem, ProviderError

PACKAGE = Path(__file__).parents[2]
CARRIED = PACKAGE / "_deployment"
"""Folder in a wheel with the files that a clone has beside the package."""

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBCS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Lambda's Python 3.13 runs on Amazon Linux 2023 with glibc 2.34. Versions are pinned: else pip would
silently take an older psycopg, the newest that is built for 2014.
"""
PYTHON = "3.13"

COMMON = (
    "annotated-types",
    "boto3",
    "botocore",
    "cronsim",
    "jmespath",
    "pydantic",
    "pydantic-core",
    "python-dateutil",
    "pyyaml",
    "s3transfer",
    "six",
    "structlog",
    "typing-extensions",
    "typing-inspection",
    "urllib3",
)
METRICS = ("aws-lambda-powertools",)
SIGNING = ("securesystemslib",)
"""Without cryptography: KMS signs."""
TRACING = (
    *("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-semantic-conventions"),
    *("opentelemetry-proto", "opentelemetry-exporter-otlp-common"),
    *("opentelemetry-exporter-otlp-proto-common", "opentelemetry-exporter-otlp-proto-http"),
    *("opentelemetry-exporter-http-transport", "googleapis-common-protos", "protobuf"),
    *("requests", "certifi", "charset-normalizer", "idna"),
)
"""Imported at the end of a drill, where `opentelemetry` is configured."""
PAGES = ("importlib-metadata", "jinja2", "markupsafe", "pygal", "zipp")
DATABASE = ("psycopg", "psycopg-binary")
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "stepper": (*METRICS, *SIGNING, *TRACING),
    "checker": DATABASE,
    "planner": (),
    "sweeper": METRICS,
    "adopter": METRICS,
    "notifier": PAGES,
}
"""Dependencies of each function beside the common ones."""

SERVICES = frozenset(
    {"backup", "dynamodb", "kms", "rds", "s3", "secretsmanager", "sns", "stepfunctions", "sts"}
)
"""The API descriptions of botocore that are used: 3 of 28 MB."""
LEFT_OUT = ("sandbox", "testing", "sqlite", "hosts/demo", "hosts/daemon", "_deployment")
"""Rooms that no function imports."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a zip file."""
INSIDE = "/var/task"
"""Where Lambda unpacks a package. Source: AWS Lambda Developer Guide, "Working with .zip file archives"."""
LIMIT = 25_000_000
"""Bytes; a larger package is refused. Lambda accepts 50 MB directly, but small packages start faster."""


def export(directory: Path, *, architecture: str, ca_bundle: Path | None) -> list[Path]:
    """Write templates and zips; returns what was written.

    Raises:
        ConfigError: The folder cannot be written, or the certificates cannot be read.
        ProviderError: pip could not download a dependency.
    """
    bundle = _bundle(ca_bundle)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written = [
            Path(shutil.copy(template, directory))
            for template in sorted((_beside() / "infra").glob("*.yaml"))
        ]
        for folder in ("guardrails", "terraform"):
            place = directory / folder
            shutil.copytree(_beside() / "infra" / folder, place, dirs_exist_ok=True)
            written += sorted(path for path in place.rglob("*") if path.is_file())
    except OSError as exc:
        raise _problem(f"{directory} cannot be written: {exc.strerror}") from exc
    return written + packages(FUNCTIONS, directory, architecture=architecture, bundle=bundle)


def compiles() -> bool:
    """Whether the packages get compiled files: only this Python's own version can make them."""
    return ".".join(map(str, sys.version_info[:2])) == PYTHON


def hints(ca_bundle: Path | None) -> Iterator[str]:
    """What the packages lack."""
    if ca_bundle is None:
        yield "without --ca-bundle the checker cannot verify the certificates of RDS, and asks nothing"
    if not compiles():
        found = ".".join(map(str, sys.version_info[:2]))
        yield (
            f"the packages have no compiled files: export with Python {PYTHON}, found {found}; "
            "without these files a cold start takes about twice the CPU time"
        )


def packages(
    functions: Iterable[str], directory: Path, *, architecture: str, bundle: str | None
) -> list[Path]:
    """Write the zips of functions; raises as `export`."""
    with tempfile.TemporaryDirectory(prefix="restorecheck-") as name:
        common = Path(name) / "common"
        _install(COMMON, common, architecture)
        _trim(common)
        return [
            _zipped(_tree_of(function, common, architecture, bundle), directory / f"{function}.zip")
            for function in functions
        ]


def _tree_of(function: str, common: Path, architecture: str, bundle: str | None) -> Path:
    tree = common.with_name(function)
    shutil.copytree(common, tree)
    if FUNCTIONS[function]:
        _install(FUNCTIONS[function], tree, architecture)
        _trim(tree)
    _add_ours(tree, function)
    if bundle is not None:
        (tree / "rds-global-bundle.pem").write_text(bundle)
    if compiles():
        _compile(tree)
    return tree


def _bundle(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise _problem(f"{path} cannot be read: {type(exc).__name__}") from exc
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise _problem(f"{path} contains no certificate in PEM format")
    return text


def _beside() -> Path:
    return CARRIED if CARRIED.is_dir() else PACKAGE.parent


def _install(requirements: tuple[str, ...], tree: Path, architecture: str) -> None:
    tree.mkdir(exist_ok=True)
    pins = tree.with_suffix(".txt")
    pins.write_text("\n".join(_pins(requirements)))
    done = subprocess.run(
        [
            *_pip(),
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
            *(f"--platform={glibc}_{MACHINES[architecture]}" for glibc in GLIBCS),
            f"--python-version={PYTHON}",
            "--implementation=cp",
            "--require-hashes",
            f"--target={tree}",
            f"--requirement={pins}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[0] if errors else f"exit status {done.returncode}"
        raise ProviderError(
            f"could not download the dependencies of {tree.name} with pip: {reason}"
        )


def _pip() -> list[str]:
    """The pip of this environment, or of the Python that made the environment."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    outer = Path(sys.base_prefix) / "bin" / "python3"
    if outer.exists():
        return [str(outer), "-m", "pip"]
    raise _problem("pip is not installed; it downloads the functions' dependencies")


def _pins(requirements: tuple[str, ...]) -> Iterator[str]:
    """The lines of constraints.txt for these, with versions and hashes."""
    text = (_beside() / "constraints.txt").read_text()
    pinned = {
        match[1]: match[0]
        for match in re.finditer(r"^([a-z0-9-]+)==(?:[^\n]*\\\n)*[^\n]*", text, re.MULTILINE)
    }
    for name in requirements:
        if name not in pinned:
            raise AssertionError(f"{name} has no pin in constraints.txt")
        yield pinned[name]


def _trim(tree: Path) -> None:
    """Removes files that only installers and developers need."""
    for path in tree.iterdir():
        if path.name == "bin" or (path.suffix == ".dist-info" and path.is_dir()):
            shutil.rmtree(path)
    for path in sorted(tree.rglob("__pycache__")) + sorted(tree.rglob("tests")):
        shutil.rmtree(path, ignore_errors=True)
    data = tree / "botocore" / "data"
    for service in data.iterdir() if data.is_dir() else ():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)


def _add_ours(tree: Path, function: str) -> None:
    target = tree / "restorecheck"
    for path in sorted(PACKAGE.rglob("*")):
        inner = path.relative_to(PACKAGE)
        if path.suffix not in {".html", ".py", ".sql", ".yaml"} or inner.as_posix().startswith(
            LEFT_OUT
        ):
            continue
        (target / inner).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / inner)
    shutil.copy(_beside() / "lambda" / f"{function}.py", tree)


def _compile(tree: Path) -> None:
    """Compiled files beside their sources, which are never compared: in Lambda nothing changes them.

    In a new process, with one seed for all hashes: the same sources give the same bytes.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    options = ("-q", "-s", tree, "-p", INSIDE, "--invalidation-mode", "unchecked-hash")
    done = subprocess.run(
        [sys.executable, "-m", "compileall", *options, tree],
        env={**kept, "PYTHONHASHSEED": "0"},
        cwd=tree,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{tree.name} has a file that Python {PYTHON} cannot compile")


def _zipped(tree: Path, path: Path) -> Path:
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(p for p in tree.rglob("*") if p.is_file()):
                entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                # Readable by Lambda's user; libraries must be executable.
                entry.external_attr = (0o755 if ".so" in file.name else 0o644) << 16
                archive.writestr(entry, file.read_bytes())
    except OSError as exc:
        raise _problem(f"{path} cannot be written: {exc.strerror}") from exc
    if path.stat().st_size > LIMIT:
        raise AssertionError(f"{path.name} has {path.stat().st_size:,} bytes")
    return path


def _problem(message: str) -> ConfigError:
    return ConfigError((Problem(message=message),))
