"""Which reports and notes are signed, by which key, and what is wrong with it. Pure.

Whether a key made a signature, the caller finds out (`restorecheck.signing`).
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from restorecheck.evidence import statements
from restorecheck.evidence.notes import StoredNote
from restorecheck.history import Entry, Flaw
from restorecheck.spelling import number_of

SHOWN = 16
"""Characters of a key's id in a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A DSSE envelope as stored, and its time stamp (an RFC 3161 response in base64; empty: none)."""

    envelope: str
    timestamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the given keys say of an envelope."""

    key_id: str = ""
    payload: bytes = b""
    problem: str = ""
    """Empty: one of the keys made this signature of `payload`."""
    stamped: str = ""
    """What its time stamp proves; empty: it has none."""


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive reports with the same key; an empty key: not signed."""

    key_id: str
    first: int
    last: int
    count: int


def not_an_envelope() -> str:
    return "the signature cannot be read: it is not a DSSE envelope"


def unknown_key(key_id: str) -> str:
    return (
        f"signed with key {short(key_id)}, which is none of the given keys: give the public half of an "
        "earlier key too (--key), or else it is forged"
    )


def forged(key_id: str) -> str:
    return f"forged or changed after signing: key {short(key_id)} did not make this signature"


def claimed_key(envelope: str) -> str:
    """The key that an envelope names, which nothing verifies."""
    try:
        return str(json.loads(envelope)["signatures"][0]["keyid"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""


def short(key_id: str) -> str:
    return key_id[:SHOWN] or "without an id"


def signature_flaws(entries: Iterable[Entry], opened: Mapping[int, Opened]) -> Iterator[Flaw]:
    """What is wrong with the signatures of the reports; `entries` in sequence.

    Reports before the first signed one are older than the key: the chain ties them to that one. A replaced key
    (one that signed before another) may sign nothing later.
    """
    signed = 0
    replaced: dict[str, int] = {}
    present = ""
    for entry in entries:
        found = opened.get(entry.sequence)
        if found is None:
            if signed:
                yield _flaw(entry, f"the report is not signed, but report {signed} before it is")
            continue
        signed = entry.sequence
        if what := found.problem or statements.misfit_of_report(found.payload, entry):
            yield _flaw(entry, what)
            continue
        if found.key_id in replaced:
            at = replaced[found.key_id]
            what = f"signed with key {short(found.key_id)}, which was replaced at report {at}"
            yield _flaw(entry, what)
            continue
        if present and present != found.key_id:
            replaced[present] = entry.sequence
        present = found.key_id


def note_signature_flaws(
    notes: Iterable[StoredNote], opened: Mapping[int, Opened]
) -> Iterator[Flaw]:
    signed = 0
    for stored in notes:
        found = opened.get(stored.number)
        if found is None:
            if signed:
                what = f"the note is not signed, but note {signed} before it is"
                yield Flaw(stored.number, "", what)
            continue
        signed = stored.number
        what = found.problem
        with contextlib.suppress(ValueError):  # `note_flaws` reports it
            what = what or statements.misfit_of_note(found.payload, stored.note, stored.sha256)
        if what:
            yield Flaw(stored.number, "", what)


def spans(entries: Iterable[Entry], opened: Mapping[int, Opened]) -> list[Span]:
    """Which key signed which reports, in sequence."""
    found: list[Span] = []
    for entry in entries:
        key = opened[entry.sequence].key_id if entry.sequence in opened else ""
        if found and found[-1].key_id == key:
            found[-1] = Span(key, found[-1].first, entry.sequence, found[-1].count + 1)
        else:
            found.append(Span(key, entry.sequence, entry.sequence, 1))
    return found


def in_words(span: Span, *, oldest: bool) -> str:
    """One line on a span. `oldest`: nothing was signed before it."""
    where = f"report {span.first}"
    if span.last > span.first:
        where = f"reports {span.first} to {span.last}"
    if span.key_id:
        return f"{where}: signed with key {span.key_id}"
    if oldest:
        return (
            f"{where}: not signed ({number_of(span.count, 'report')} from before the first signature); "
            "the chain ties them to the first signed report"
        )
    return f"{where}: not signed"


def _flaw(entry: Entry, what: str) -> Flaw:
    return Flaw(entry.sequence, entry.drill_id, what)
