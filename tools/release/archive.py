"""Archives with the same bytes each time: sorted names, one time, no owner, two kinds of mode."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pack(into: Path, files: Iterable[Path], *, root: Path, prefix: str, epoch: int) -> None:
    """A tar of `files`, named from `root` on; compressed where the name of `into` says so."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            member = tarfile.TarInfo(f"{prefix}{path.relative_to(root).as_posix()}")
            member.size = path.stat().st_size
            member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            member.mtime = epoch
            with path.open("rb") as content:
                tar.addfile(member, content)
    if into.suffix in {".gz", ".tgz"}:
        # No name and no time of its own in the header.
        into.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    else:
        into.write_bytes(packed.getvalue())
