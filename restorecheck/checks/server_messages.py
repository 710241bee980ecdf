"""Which messages of a PostgreSQL server may be shown, and how much of each. Pure.

A restored database can raise any text with any SQLSTATE, and PostgreSQL's own messages quote values. So a
message is shown only if it matches one of `server_templates` and all of its names are known. Every shown
character comes from there, from the configured SQL, or from names in the catalog or the dump.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from restorecheck.checks.server_templates import (
    ALONE,
    CLOSED,
    DAMAGE,
    OPEN,
    TEMPLATES,
    TYPES,
    lines,
)

HIDDEN = "\N{HORIZONTAL ELLIPSIS}"
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Known:
    """Texts that are not row values."""

    configured: str = ""
    """SQL and names from the configuration, matched by whole words."""
    names: Collection[str] = frozenset()
    """Those of `texts_in` a message that are names in the catalog or the dump."""

    def has(self, text: str) -> bool:
        """Whether the text is a known name, with or without a schema."""
        return self._is_one(text) or all(self._is_one(part) for part in _parts(text))

    def _is_one(self, text: str) -> bool:
        return text in self.names or stands_in(text, self.configured)


NOTHING = Known()

MOST = 1000
"""Characters of a message that are compared; the middle of a longer one is dropped, since it is part of a value."""
LONGEST = 300
"""Characters that are shown; a longer message is cut."""


def shown(sqlstate: str, message: str, known: Known = NOTHING) -> str | None:
    """The message with hidden values; None: it may contain a row value."""
    for template, match in _matches(sqlstate, message):
        if (text := _filled(template, match, known)) is not None:
            return _readable(text)
    return None


def shown_of_log(message: str) -> str | None:
    """For a log line without SQLSTATE: the message, if it is about the server and its files; else None."""
    found = (shown(code, message) for code in ("postmaster", *DAMAGE))
    return next((text for text in found if text is not None), None)


def texts_in(sqlstate: str, message: str) -> frozenset[str]:
    """Texts that must be names for the message to be shown."""
    found: set[str] = set()
    for template, match in _matches(sqlstate, message):
        for kind, text in zip(_HOLE.findall(template), match.groups(), strict=True):
            if kind not in CLOSED and kind not in ALONE:
                found |= {
                    piece for whole in _wholes(kind, text) for piece in (whole, *_parts(whole))
                }
    return frozenset(found - {""})


def is_damage(sqlstate: str, message: str) -> bool:
    """Whether the message says that the server cannot read its own data."""
    if sqlstate in {"XX001", "XX002"}:
        return True
    templates = lines(DAMAGE.get(sqlstate, ""))
    return any(template in templates for template, _ in _matches(sqlstate, message))


def stands_in(text: str, where: str) -> bool:
    """Whether `where` contains the text as whole words, also folded to lower case."""
    if not text or not (text in where or text in where.lower()):
        return False
    before = r"(?<![\w$])" if re.match(r"[\w$]", text) else ""
    after = r"(?![\w$])" if re.search(r"[\w$]\Z", text) else ""
    pattern = re.compile(f"{before}{re.escape(text)}{after}")
    return bool(pattern.search(where) or pattern.search(where.lower()))


def _matches(sqlstate: str, message: str) -> list[tuple[str, re.Match[str]]]:
    if len(message) > MOST:
        message = message[: MOST // 2] + message[-MOST // 2 :]
    every = (
        (template, _pattern(template).fullmatch(message))
        for template in TEMPLATES.get(sqlstate, ())
    )
    return [(template, match) for template, match in every if match]


@cache
def _pattern(template: str) -> re.Pattern[str]:
    pieces = _HOLE.split(template)
    holes = {**CLOSED, **OPEN}
    return re.compile(
        "".join(f"({holes[p]})" if at % 2 else re.escape(p) for at, p in enumerate(pieces)),
        re.DOTALL,
    )


def _filled(template: str, match: re.Match[str], known: Known) -> str | None:
    pieces = _HOLE.split(template)
    for at, text in enumerate(match.groups()):
        kind = pieces[2 * at + 1]
        filled = text if kind in CLOSED else _told(kind, text, known)
        if filled is None:
            return None
        pieces[2 * at + 1] = filled
    return "".join(pieces)


def _told(kind: str, text: str, known: Known) -> str | None:
    if kind in ALONE:
        return text if stands_in(text, known.configured) else HIDDEN
    if kind == "type":
        return _told_type(text, known)
    if kind == "signature":
        name, _, arguments = text[:-1].partition("(")
        types = [_told_type(each, known) for each in arguments.split(", ") if each]
        whole = [each for each in types if each is not None]
        return (
            f"{name}({', '.join(whole)})" if known.has(name) and len(whole) == len(types) else None
        )
    return text if any(known.has(name) for name in _wholes(kind, text)) else None


_ARRAY = re.compile(r"(?:\[\])+\Z")
_MODIFIER = re.compile(r"\((\d+(?:,-?\d+)?)\)")


def _told_type(text: str, known: Known) -> str | None:
    if known.has(text):
        return text
    plain = _plain_type(text)
    if plain in TYPES or known.has(plain):
        return _MODIFIER.sub(f"({HIDDEN})", text)
    return None


def _plain_type(text: str) -> str:
    """The type without length, precision and brackets."""
    return _MODIFIER.sub("", _ARRAY.sub("", text))


def _wholes(kind: str, text: str) -> tuple[str, ...]:
    """Forms of the text in a hole that may be known names."""
    if kind == "type":
        return (text, _plain_type(text))
    if kind == "signature":
        name, _, arguments = text[:-1].partition("(")
        return (
            name,
            *(each for whole in arguments.split(", ") for each in (whole, _plain_type(whole))),
        )
    if kind == "file":
        return (text, text.removeprefix("$libdir/").removesuffix(".so"))
    return (text,)


_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def _parts(text: str) -> tuple[str, ...]:
    """Parts of a qualified name; otherwise the text itself."""
    found = tuple(m[1].replace('""', '"') if m[1] else m[2] for m in _PART.finditer(text))
    return found if _PART.sub("", text) == "." * (len(found) - 1) and found else (text,)


_END = re.compile(rf': (?:"{HIDDEN}"|{HIDDEN})\Z')


def _readable(text: str) -> str:
    """The text without control characters, and without a hidden value at its end."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return _END.sub("", printable)[:LONGEST]
