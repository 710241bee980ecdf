"""`python -m tools.release [FOLDER]`: makes the release of this commit in FOLDER, by default dist/release."""

import argparse
import shutil
import sys
from pathlib import Path

from tools.release import image, parts, provenance, sbom
from tools.release.source import ReleaseError, Source, read

ROOT = Path(__file__).parents[2]


def make(source: Source, out: Path, *, with_image: bool) -> None:
    """Raises ReleaseError."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for part in (parts.packages, parts.chart, parts.templates, parts.notes, sbom.write):
        part(source, out)
    base = image.release(source, out) if with_image else None
    if base is None:
        why = "podman is not installed" if with_image else "--no-image"
        print(f"the image is not made: {why}", file=sys.stderr)
    provenance.write(source, out, base)
    sums = "".join(f"{provenance.digest(path)}  {path.name}\n" for path in sorted(out.iterdir()))
    (out / "SHA256SUMS").write_text(sums)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist" / "release")
    parser.add_argument("--no-image", action="store_true", help="leave out the container image")
    arguments = parser.parse_args()
    try:
        make(read(ROOT), arguments.folder, with_image=not arguments.no_image)
    except ReleaseError as exc:
        print(f"release: {exc}", file=sys.stderr)
        return 1
    for path in sorted(arguments.folder.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
