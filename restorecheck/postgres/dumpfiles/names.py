"""Classifies files by name: a dump, a piece of one, or an additional file. Pure."""

import re
from functools import reduce
from typing import NamedTuple

WRAPPINGS = (
    "gz", "zst", "zstd", "bz2", "xz", "lz4", "lzma", "z", "zip", "7z", "tgz",
    "age", "gpg", "pgp", "asc", "enc", "aes", "crypt", "crypted", "encrypted",
)  # fmt: skip
"""Suffixes of compression and encryption."""

_KINDS = "dump|sql|pgdump|pg_dump|backup|tar|custom|bak|dmp|pgsql|pgc|psql|archive"
_DUMP = re.compile(
    rf".*\.(?:(?:{_KINDS})(?:[._-].*)?|tgz|tbz2?|txz|tzst)", re.IGNORECASE | re.DOTALL
)

UNFINISHED = (".part", ".tmp", ".partial", ".swp", ".filepart", ".crdownload", ".temp", "~")
"""Suffixes of files that are still being written."""

_BESIDE = re.compile(
    r".*\.(?:log|txt|md|json|ya?ml|xml|csv|html?|sha\d*(?:sums?)?|md5(?:sums?)?|sum|crc32?|sfv|b2(?:sums?)?"
    r"|blake2b?|checksums?|hash|digest|sig|sign|signature|minisig|meta|metadata|manifest|info|stats?|status"
    r"|key|pem|crt|cer|pub|done|ok|okay|success|complete|completed|finished|ready|flag|marker|lock|lck|pid|err|error|stderr"
    r"|stdout|out|list|lst|toc|idx|index|catalog|size|time|timestamp|date|schedule|conf|cfg|ini|env|sh|py)"
    r"|(?:last|latest)[_-]?(?:success(?:ful)?|run|status|ok|done|time|timestamp|backup)"
    r"|_?(?:success|done|ok|complete|ready|lock|readme|timestamp|manifest|latest)"
    r"|(?:sha\d*|md5|b2|blake2b?|check)-?_?sums?",
    re.IGNORECASE | re.DOTALL,
)


def looks_like_a_dump(name: str) -> bool:
    """Whether it has the name of a dump; then it counts as one, whatever its content."""
    return _DUMP.fullmatch(name) is not None and not looks_beside(name)


def looks_beside(name: str) -> bool:
    """Whether it has the name of an additional file: a checksum, a flag, a log."""
    return _BESIDE.fullmatch(name) is not None


def is_unfinished(name: str, others: frozenset[str] = frozenset()) -> bool:
    """Whether it is still being written: `x.dump.part` is; several like `x.dump.000.part` are pieces."""
    mark = mark_of(name)
    numbered = mark is not None and mark.end == ".part" and mark.base.endswith(".")
    if mark is not None and numbered and {mark.at(0), mark.at(1)} & (others - {name}):
        return False
    return name.lower().endswith(UNFINISHED)


def is_about(name: str, others: frozenset[str]) -> bool:
    """Whether its name is that of another file with an additional suffix, not of a packing: `x.dump.fin`."""
    stem, _, ending = name.rpartition(".")
    return stem in others and ending.isalpha() and ending.lower() not in WRAPPINGS


_PIECE = re.compile(
    r"(?P<base>.*?(?:[._-]|[._-]?part|^x|\.(?:dump|sql|tar|backup|gz|zst|bz2|xz|zip|gpg|age|enc)))(?P<mark>[a-z]{2,4}|\d{2,4})(?P<end>\.(?:gz|zst|bz2|xz|lz4|part))?",
    re.DOTALL,
)


OF_A_PART = frozenset(
    {"schema", "schemaonly", "ddl", "structure", "predata", "data", "dataonly", "rows"}
)
"""Last words of names of dumps with a part of a database: `pg_dump --schema-only`, `--data-only`."""


def whole_of(stem: str) -> str:
    """The stem of the dump of all of it: `shop-schema` → `shop`; empty: it is not named after a part."""
    whole, _, last = stem.rpartition("-")
    if last.lower() == "only":
        whole, _, last = whole.rpartition("-")
    return whole if last.lower() in OF_A_PART else ""


class PieceMark(NamedTuple):
    """The piece number in a name, in the style of `split`: `x.dump.aa`, `x.dump.000`."""

    base: str
    mark: str
    end: str
    """Suffix of the packing of each piece; mostly empty."""

    @property
    def number(self) -> int:
        if self.mark.isdigit():
            return int(self.mark)
        return reduce(lambda value, letter: value * 26 + ord(letter) - ord("a"), self.mark, 0)

    def at(self, number: int) -> str:
        """The name of the piece with another number."""
        width = len(self.mark)
        if self.mark.isdigit():
            return f"{self.base}{number:0{width}}{self.end}"
        letters = (chr(ord("a") + number // 26**place % 26) for place in reversed(range(width)))
        return f"{self.base}{''.join(letters)}{self.end}"

    @property
    def group(self) -> tuple[str, str, int, bool]:
        """The same for all pieces of one file."""
        return self.base, self.end, len(self.mark), self.mark.isdigit()


def mark_of(name: str) -> PieceMark | None:
    match = _PIECE.fullmatch(name)
    return PieceMark(match["base"], match["mark"], match["end"] or "") if match else None


def family(name: str) -> str:
    """The name without numbers: the same for all nights of one job."""
    return re.sub(r"\d+", "#", name)


def printable(name: str) -> str:
    """The name for a message: an untrusted name may contain escape sequences for the terminal."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."  # noqa: PLR2004  # a line of a terminal
