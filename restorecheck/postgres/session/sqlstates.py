"""The SQLSTATE of an error whose message alone is known: pg_restore repeats a server's errors without it.

Words: PostgreSQL's source, src/backend (ereport), in English.
"""

import re

NO_RIGHT = "42501"
NO_OBJECT = "42704"
UNKNOWN = ""

_STATES = (
    (re.compile(r"canceling statement"), "57014"),
    (re.compile(r"permission denied\b|must be (?:owner|superuser|member)\b|must have "), NO_RIGHT),
    (re.compile(r'role "[^"]+" does not exist'), NO_OBJECT),
    (re.compile(r"duplicate key value violates|could not create unique index"), "23505"),
    (re.compile(r"insert or update on table .* violates foreign key"), "23503"),
    (re.compile(r"null value in column|column .* contains null values"), "23502"),
    (re.compile(r"(?:new row for|check constraint .* of) relation .* violat"), "23514"),
    (re.compile(r"no partition of relation|partition constraint "), "23514"),
    (re.compile(r"conflicting key value violates|could not create exclusion"), "23P01"),
    (re.compile(r"invalid input syntax for|malformed |invalid input value for enum"), "22P02"),
    (re.compile(r"invalid byte sequence for encoding"), "22021"),
    (re.compile(r"character with byte sequence .* has no equivalent"), "22P05"),
    (re.compile(r"value too long for type"), "22001"),
    (
        re.compile(r"missing data for column|extra data after last|literal .* found in data"),
        "22P04",
    ),
    (re.compile(r"unexpected EOF|invalid command|(?:unterminated|unquoted) "), "22P04"),
    (re.compile(r"date/time field value out of range"), "22008"),
    (re.compile(r"value .* is out of range|\w+ out of range"), "22003"),
    (re.compile(r"division by zero"), "22012"),
    (re.compile(r"syntax error at"), "42601"),
    (re.compile(r"(?:relation|table|view) .* does not exist"), "42P01"),
    (re.compile(r"relation .* already exists"), "42P07"),
    (re.compile(r"(?:function|operator|procedure|aggregate) .* does not exist"), "42883"),
    (re.compile(r"column .* does not exist"), "42703"),
    (re.compile(r"schema .* does not exist"), "3F000"),
    (re.compile(r"(?:type|collation|text search \w+|language) .* does not exist"), NO_OBJECT),
    (re.compile(r"unrecognized configuration parameter"), NO_OBJECT),
    (re.compile(r"extension .* is not available|ICU is not supported"), "0A000"),
    (re.compile(r"could not (?:access file|load library|open extension control file)"), "58P01"),
    (re.compile(r"could not extend file|.*No space left on device"), "53100"),
    (re.compile(r"out of (?:shared )?memory"), "53200"),
)


def state_of(message: str, *, loads_rows: bool) -> str:
    """The SQLSTATE; empty: the message is not known. `loads_rows`: during a COPY."""
    known = (state for pattern, state in _STATES if pattern.match(message))
    return next(known, "22000" if loads_rows else UNKNOWN)
