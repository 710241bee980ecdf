"""What is signed: in-toto statements on reports, notes and packs. Pure: values in, bytes out.

Statement: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md; the envelope around it is DSSE
(https://github.com/secure-systems-lab/dsse). A statement stays below 4,096 bytes, the most that AWS KMS signs
whole (`Message` of Sign, API reference).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from restorecheck import __version__
from restorecheck.evidence.notes import Note
from restorecheck.history import Entry

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
REPORT = "urn:restorecheck:drill:v1"
NOTE = "urn:restorecheck:note:v1"
PACK = "urn:restorecheck:evidence:v1"


def of_report(entry: Entry, at: datetime) -> bytes:
    """The statement on one report: its hash, its place in the chain, and its verdict."""
    return _written({report_name(entry): entry.sha256}, REPORT, {**_said(entry), **_signed(at)})


def of_note(note: Note, sha256: str, at: datetime) -> bytes:
    said = {"number": note.number, "kind": note.kind.value, "by": note.by}
    return _written({note_name(note.number): sha256}, NOTE, {**said, **_signed(at)})


def of_pack(sums_sha256: str, said: Mapping[str, Any], at: datetime) -> bytes:
    """The statement on a pack: on the list of the hashes of its files."""
    return _written({"SHA256SUMS": sums_sha256}, PACK, {**said, **_signed(at)})


def report_name(entry: Entry) -> str:
    return f"{entry.target}/{entry.drill_id}.json"


def note_name(number: int) -> str:
    return f"notes/{number}.json"


def misfit_of_report(payload: bytes, entry: Entry) -> str:
    """What the statement says otherwise than the history; empty: nothing."""
    return _misfit(payload, {report_name(entry): entry.sha256}, REPORT, _said(entry))


def misfit_of_note(payload: bytes, note: Note, sha256: str) -> str:
    return _misfit(payload, {note_name(note.number): sha256}, NOTE, {"number": note.number})


def misfit_of_pack(payload: bytes, sums_sha256: str) -> str:
    return _misfit(payload, {"SHA256SUMS": sums_sha256}, PACK, {})


def _said(entry: Entry) -> dict[str, Any]:
    return {
        "drill_id": entry.drill_id,
        "target": entry.target,
        "verdict": entry.verdict.value,
        "finished_at": _stamp(entry.finished_at),
        "sequence": entry.sequence,
        "previous_sha256": entry.previous_sha256,
    }


def _signed(at: datetime) -> dict[str, str]:
    return {"signed_at": _stamp(at), "restorecheck_version": __version__}


def _written(digests: Mapping[str, str], kind: str, predicate: Mapping[str, Any]) -> bytes:
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": d}} for name, d in digests.items()],
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()


def _misfit(
    payload: bytes, digests: Mapping[str, str], kind: str, said: Mapping[str, object]
) -> str:
    try:
        statement = json.loads(payload)
        found = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
        type_, predicate = statement["predicateType"], statement["predicate"]
        other = [key for key, value in said.items() if predicate.get(key) != value]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "the signed text is not a statement of restorecheck"
    if type_ != kind:
        return f"the signed statement is of another kind: {type_}"
    if found.keys() != digests.keys():
        return f"the signature belongs to another file: {', '.join(sorted(map(str, found)))}"
    if found != digests:
        return "the signature is of another text: the hash in it differs"
    if other:
        key = other[0]
        return f"the signed statement says {key} {predicate.get(key)}, the history {said[key]}"
    return ""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
