"""Recognises files that are not PostgreSQL dumps, by their first bytes. Pure."""

import math
import re

MAGICS = (
    (b"%PDF", "is a PDF document, not a PostgreSQL dump"),
    (b"\x7fELF", "is a program, not a PostgreSQL dump"),
    (b"\x89PNG", "is a picture, not a PostgreSQL dump"),
    (b"\xff\xd8\xff", "is a picture, not a PostgreSQL dump"),
    (
        b"PGCOPY\n\xff\r\n\x00",
        ("holds only the rows of one table (COPY in binary format): it is not a dump"),
    ),
)

OF_OTHERS = (
    (b"SQLite format 3\x00", "is a SQLite database, not a PostgreSQL dump"),
    (b"-- MySQL dump", "is a dump of MySQL, not of PostgreSQL"),
    (b"-- MariaDB dump", "is a dump of MariaDB, not of PostgreSQL"),
    (b"/*!999999", "is a dump of MariaDB, not of PostgreSQL"),
    (b"/*M!999999", "is a dump of MariaDB, not of PostgreSQL"),
    (b"XBSTCK0", "is a backup of MySQL or MariaDB (xbstream), not of PostgreSQL"),
    (b"REDIS", "is a dump of Redis, not of PostgreSQL"),
    (b"\x6d\xe2\x99\x81", "is an archive of MongoDB, not of PostgreSQL"),
    (b"TAPE\x00\x00", "is a backup of Microsoft SQL Server, not of PostgreSQL"),
    (b"\x03\x03ishEXPORT:", "is an export of Oracle, not of PostgreSQL"),
    (b"EXPORT:V", "is an export of Oracle, not of PostgreSQL"),
    (b"\x00\x01\x00\x00Standard Jet DB", "is a database of Microsoft Access, not of PostgreSQL"),
)
"""Backups of other databases, which may be as good as they are."""

SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
HTML = (b"<!doctype html", b"<html")

UNKNOWN = "is not a PostgreSQL dump: its content is unknown"

_WIDE = re.compile(rb"(?:[\t\n\r -~]\x00){16}|(?:\x00[\t\n\r -~]){16}")
_MIXED = re.compile(rb"[\t\r\n -~]{2,}?(?:PGDMP[\x01\x02]|\x1f\x8b\x08|\x28\xb5\x2f\xfd)")
_SAID = re.compile(rb"\s*pg_dump(?:all)?: (?:warning|error|detail|hint|last built-in)")
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b") + b"\x7f"
_OTHER_DUMP = re.compile(rb"^-- (\S.*?) database (?:cluster )?dump\r?$", re.MULTILINE)


def name_foreign(head: bytes) -> str:
    """Kind of the file, completing `the file …`; empty: it may be SQL text."""
    for magic, name in (*MAGICS, *OF_OTHERS):
        if head.startswith(magic):
            return name
    if head.lstrip().lower().startswith(HTML):
        return "is an HTML page, not a PostgreSQL dump"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _WIDE.match(head):
        return (
            "is UTF-16 text, which psql and pg_restore cannot read (written by > in "
            "PowerShell): write the file with pg_dump --file"
        )
    if _MIXED.match(head) or _SAID.match(head):
        return (
            "begins with messages of another program before the dump (standard error by 2>&1, "
            "a banner of ssh)"
        )
    if not head.strip(b"\x00"):
        return "holds only zero bytes"
    if b"\x00" in head or not is_text(head):
        return UNKNOWN
    return ""


def is_of_another_database(head: bytes) -> bool:
    return head.startswith(tuple(magic for magic, _ in OF_OTHERS))


def is_foreign(head: bytes) -> bool:
    """Whether the file is known not to be a dump."""
    return name_foreign(head) not in {"", UNKNOWN}


def name_other_dump(head: bytes) -> str:
    """The product that wrote a dump in PostgreSQL's format; empty: PostgreSQL."""
    match = _OTHER_DUMP.search(head)
    name = match[1].decode(errors="replace") if match else ""
    return "" if name == "PostgreSQL" else name


def is_text(head: bytes) -> bool:
    """Whether it has no control characters, in any encoding of PostgreSQL."""
    return len(head.translate(None, _CONTROLS)) == len(head)


FEWEST = 64
"""Fewest bytes for `looks_random`."""


def looks_random(head: bytes) -> bool:
    """Whether the bytes vary like random ones, as in encrypted files."""
    expected = 256 * (1 - math.exp(-len(head) / 256))
    return len(head) >= FEWEST and len(set(head)) > 0.85 * expected


def looks_like_sql(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").upper()
    starts = (
        b"--",
        b"/*",
        b"SET ",
        b"CREATE ",
        b"DROP ",
        b"INSERT ",
        b"BEGIN",
        b"\\",
        b"ALTER ",
        b"SELECT ",
    )
    return text.startswith(starts)
