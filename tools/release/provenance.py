"""Of which commit and with which tools the files of a release were made: SLSA provenance in an in-toto statement.

`RELEASE_KEY` names a file with a private key (PEM): then the statement also stands in a signed envelope (DSSE).
"""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

from restorecheck.evidence.statements import STATEMENT
from restorecheck.signing.dsse import sign
from restorecheck.signing.envelopes import UnusableKeyError, signer_of
from tools.release.source import ReleaseError, Source

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:restorecheck:make-release:1"
PINS = ("constraints.txt", "constraints-dev.txt")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def statement(source: Source, out: Path, base: dict[str, str] | None) -> dict[str, Any]:
    """Of every file in `out`. `base`: name and digest of the image's base, where an image was made."""
    files = sorted(out.iterdir())
    commit = [{"uri": "git+restorecheck", "digest": {"gitCommit": source.commit}}]
    pins = [{"name": name, "digest": {"sha256": digest(source.root / name)}} for name in PINS]
    image = [{"name": base["name"], "digest": {"sha256": base["digest"]}}] if base else []
    return {
        "_type": STATEMENT,
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in files],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"target": "release", "version": source.version},
                "internalParameters": {
                    "SOURCE_DATE_EPOCH": str(source.epoch),
                    "python": platform.python_version(),
                },
                "resolvedDependencies": [*(commit if source.commit else []), *pins, *image],
            },
            "runDetails": {
                "builder": {"id": os.environ.get("RELEASE_BUILDER", "urn:restorecheck:by-hand")}
            },
        },
    }


def write(source: Source, out: Path, base: dict[str, str] | None) -> None:
    """Raises ReleaseError: RELEASE_KEY is not a key."""
    made = statement(source, out, base)
    stem = out / f"restorecheck-{source.version}.provenance"
    text = json.dumps(made, indent=1) + "\n"
    stem.with_name(f"{stem.name}.json").write_text(text)
    if key := os.environ.get("RELEASE_KEY"):
        try:
            envelope = sign(text.encode(), signer_of(Path(key).read_text()))
        except (OSError, UnusableKeyError) as exc:
            raise ReleaseError(f"RELEASE_KEY {key}: {exc}") from None
        stem.with_name(f"{stem.name}.dsse.json").write_text(envelope + "\n")
