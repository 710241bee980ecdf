"""Checksum files beside a dump: `x.dump.sha256`, `SHA256SUMS`, in the forms that coreutils and BSD write."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ALGORITHMS = {
    "md5": "md5", "sha": "sha1", "sha1": "sha1", "sha224": "sha224", "sha256": "sha256",
    "sha384": "sha384", "sha512": "sha512", "b2": "blake2b", "blake2": "blake2b", "blake2b": "blake2b",
}  # fmt: skip
BY_LENGTH = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
"""Algorithm by the number of hexadecimal digits, if no name says it."""
SPELLED = {"md5": "MD5", "blake2b": "BLAKE2b"}
LARGEST = 1 << 24
"""Bytes of a checksum file; a larger one is ignored. It has room for 100,000 data files."""
STANDARD_INPUT = frozenset({"-", "stdin"})

_OWN = re.compile(r"(?:\.|^)(md5|sha\d*|b2|blake2b?)(?:[-_]?sums?)?$", re.IGNORECASE)
_LIST = re.compile(
    r"(?:(md5|sha\d*|b2|blake2b?)[-_]?sums?|check[-_]?sums?)(?:\.txt)?", re.IGNORECASE
)
_COREUTILS = re.compile(r"^(?P<escaped>\\?)(?P<hex>[0-9A-Fa-f]{32,128})(?: [ *](?P<name>.+))?$")
_BSD = re.compile(
    r"^(?P<escaped>\\?)(?P<kind>[A-Za-z0-9/-]+) ?\((?P<name>.+)\) ?= ?(?P<hex>[0-9A-Fa-f]{32,128})$"
)


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum from a file beside a dump."""

    algorithm: str
    """Name in hashlib."""
    digest: str
    path: Path
    """The checksum file."""

    @property
    def kind(self) -> str:
        return SPELLED.get(self.algorithm) or self.algorithm.replace("sha", "SHA-")


def checksums_of(files: Sequence[Path]) -> dict[Path, Checksum]:
    """The strongest checksum for each file; files without one are left out.

    Args:
        files: Files of one folder.
    """
    names = {file.name: file for file in files}
    stems = {file.stem for file in files}
    found: dict[Path, Checksum] = {}
    for path in _regular_files(files[0].parent) if files else ():
        match = _OWN.search(path.name)
        about = path.name[: match.start()] if match else ""
        if not (about in names or about in stems or _LIST.fullmatch(path.name)):
            continue
        # `x.dump.md5` beside `x.dump.gz` may be for the file before its compression.
        for name, said in _read(path, about if about in names else None):
            file = names.get(name)
            if file and (file not in found or len(said.digest) > len(found[file].digest)):
                found[file] = said
    return found


def _regular_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def holds(dump: Path, said: Checksum) -> bool:
    """Whether the file has this checksum. Reads the whole file."""
    size = len(said.digest) // 2
    with dump.open("rb") as file:
        digest = (
            hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=size))
            if said.algorithm == "blake2b"
            else hashlib.file_digest(file, said.algorithm)
        )
    return digest.hexdigest() == said.digest


def mismatch(dump: Path, said: Checksum) -> str:
    """Why a dump with another checksum is bad."""
    older = said.path.stat().st_mtime < dump.stat().st_mtime
    when = ", which is older than the dump" if older else ""
    return (
        f"is damaged: the {said.kind} of {dump.name} differs from the {said.kind} in "
        f"{said.path.name}{when}"
    )


def _read(path: Path, owner: str | None) -> Iterator[tuple[str, Checksum]]:
    """Names and checksums. A line without a name is for `owner`, the file in this file's name."""
    try:
        with path.open("rb") as stream:
            text = stream.read(LARGEST).decode(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        match = _BSD.match(line.strip("\ufeff")) or _COREUTILS.match(line.strip("\ufeff").rstrip())
        if match is None:
            continue
        groups = match.groupdict()
        named = groups["name"]
        name = _base(named, escaped=bool(groups["escaped"])) if named else owner
        if name in STANDARD_INPUT:
            name = owner
        algorithm = _algorithm(groups.get("kind"), path.name, groups["hex"])
        if name is not None and algorithm is not None:
            yield name, Checksum(algorithm, groups["hex"].lower(), path)


def _base(named: str, *, escaped: bool) -> str:
    if escaped:
        named = re.sub(r"\\([\\nr])", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), named)
    return named.replace("\\", "/").rpartition("/")[2] if not escaped else named.rpartition("/")[2]


def _algorithm(kind: str | None, file: str, digits: str) -> str | None:
    """The algorithm by the line, the file name, or the number of digits; None: unknown."""
    length = len(digits)
    match = _OWN.search(file) or _LIST.fullmatch(file)
    told = (kind or (match[1] if match else None) or "").lower()
    told = told.replace("sha2-", "sha").replace("-", "")  # as OpenSSL 3 writes it
    named = ALGORITHMS.get(told.partition("blake2b")[1] or told)
    if named == "blake2b" and length % 2 == 0:
        return named
    if told and named is None:
        return None
    by_length = BY_LENGTH.get(length)
    return by_length if named in {None, by_length} else None
