"""What a release is made of, as CycloneDX."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.release.source import Source

PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def python_packages(source: Source) -> list[PackageURL]:
    """What the package needs with all extras; on some systems or versions of Python not all of it is installed."""
    pins = (source.root / "constraints.txt").read_text()
    return [PackageURL("pypi", name=name, version=version) for name, version in PIN.findall(pins)]


def document(source: Source, subject: str, kind: ComponentType, parts: Iterable[PackageURL]) -> str:
    """The same text for the same parts, whenever it is made. `subject`: what consists of them."""
    root = Component(
        name=subject,
        version=source.version,
        type=kind,
        bom_ref=subject,
        licenses=[LicenseExpression("MIT")],
    )
    components = {_component(part) for part in parts}
    bom = Bom(
        components=components, serial_number=uuid5(NAMESPACE_URL, f"{subject} {source.commit}")
    )
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(source.epoch, UTC)
    bom.register_dependency(root, components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _component(part: PackageURL) -> Component:
    licence = _licence(part) if part.type == "pypi" else None
    return Component(
        name=part.name,
        version=part.version,
        type=ComponentType.LIBRARY,
        purl=part,
        bom_ref=part.to_string(),
        licenses=[LicenseExpression(licence)] if licence else [],
    )


def _licence(part: PackageURL) -> str | None:
    """The SPDX expression that the package itself states, if this version is installed here."""
    try:
        found = metadata(part.name)
    except PackageNotFoundError:
        return None
    told = "License-Expression" in found and found["Version"] == part.version
    return found["License-Expression"] if told else None


def write(source: Source, out: Path) -> None:
    parts = python_packages(source)
    text = document(source, "restorecheck", ComponentType.APPLICATION, parts)
    (out / f"restorecheck-{source.version}.cdx.json").write_text(text)
