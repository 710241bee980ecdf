"""Naming what is no PostgreSQL dump, by its first bytes."""

MAGICS = (
    (b"%PDF", "is a PDF document, not a PostgreSQL dump"),
    (b"PK\x03\x04", "is a zip archive, not a PostgreSQL dump"),
    (b"\x7fELF", "is a program, not a PostgreSQL dump"),
    (b"\x89PNG", "is a picture, not a PostgreSQL dump"),
    (b"\xff\xd8\xff", "is a picture, not a PostgreSQL dump"),
    (b"SQLite format 3\x00", "is a SQLite database, not a PostgreSQL dump"),
    (b"-- MySQL dump", "is a dump of MySQL, not of PostgreSQL"),
    (b"-- MariaDB dump", "is a dump of MariaDB, not of PostgreSQL"),
    (b"/*!999999", "is a dump of MariaDB, not of PostgreSQL"),
    (b"/*M!999999", "is a dump of MariaDB, not of PostgreSQL"),
    (b"REDIS", "is a dump of Redis, not of PostgreSQL"),
    (b"7z\xbc\xaf", "is a 7z archive, not a PostgreSQL dump"),
)

HTML = (b"<!doctype html", b"<html")


def name_foreign(head: bytes) -> str:
    """What it is, completing `the file …`; empty when it may be SQL text."""
    for magic, name in MAGICS:
        if head.startswith(magic):
            return name
    if head.lstrip().lower().startswith(HTML):
        return "is an HTML page, not a PostgreSQL dump"
    if not head.strip(b"\x00"):
        return "holds only zero bytes"
    if b"\x00" in head:
        return "is not a PostgreSQL dump: its content is unknown"
    return ""


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
