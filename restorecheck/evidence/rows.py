"""One drill of an evidence pack: from its stored report, a line of a table. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from restorecheck.evidence.signatures import Opened, short
from restorecheck.history import Entry, Stored
from restorecheck.model import CheckOutcome, ObjectiveKind, Verdict

REMOVED = "retention removed the report; its line and its hash are left"
OUTCOMES = tuple(outcome.value for outcome in CheckOutcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRow:
    """The columns of `drills.csv`, in their order. Times are UTC; None: not known, never zero."""

    sequence: int
    drill_id: str
    target: str
    verdict: str
    scheduled_for: datetime | None
    started_at: datetime
    finished_at: datetime
    reason: str = ""
    backup_kind: str = ""
    backup: str = ""
    backup_storage: str = ""
    backup_checksum: str = ""
    backup_taken_at: str = ""
    backup_bytes: int | None = None
    backup_chosen: str = ""
    rpo_seconds: float | None = None
    rpo_asked_seconds: float | None = None
    rpo: str = ""
    rto_seconds: float | None = None
    rto_asked_seconds: float | None = None
    rto: str = ""
    restore: str = ""
    restored_identity: str = ""
    server_version: str = ""
    checks_passed: int | None = None
    checks_failed: int | None = None
    checks_error: int | None = None
    checks_skipped: int | None = None
    teardown: str = ""
    left_behind: bool = False
    compared_with: str = ""
    accepted_by: str = ""
    sha256: str
    previous_sha256: str
    signature: str = ""
    signed_with: str = ""

    @property
    def is_deviation(self) -> bool:
        """Not verified, something left behind, or an objective missed that was asked for."""
        missed = CheckOutcome.FAILED.value in {self.rpo, self.rto}
        return self.verdict != Verdict.VERIFIED.value or self.left_behind or missed


def row_of(stored: Stored, opened: Opened | None, *, judged: bool) -> DrillRow:
    """The line of one report. `judged`: a key was given; else signatures are only counted."""
    entry = stored.entry
    said = _said(stored.text)
    return DrillRow(
        **_of_entry(entry),
        **_of_report(said),
        signature=_signature(opened, judged=judged),
        signed_with=short(opened.key_id) if opened else "",
    )


def _said(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _of_entry(entry: Entry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "drill_id": entry.drill_id,
        "target": entry.target,
        "verdict": entry.verdict.value,
        "scheduled_for": entry.scheduled_for,
        "started_at": entry.started_at,
        "finished_at": entry.finished_at,
        "left_behind": entry.left_behind,
        "sha256": entry.sha256,
        "previous_sha256": entry.previous_sha256,
    }


def _of_report(said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return {"reason": REMOVED}
    backup, restore = said.get("backup") or {}, said.get("restore") or {}
    baseline, chosen = said.get("baseline") or {}, backup.get("chosen") or {}
    checks = said.get("checks") or []
    counts = dict.fromkeys(OUTCOMES, 0)
    for check in checks:
        counts[check.get("outcome", "error")] += 1
    return {
        "reason": said.get("reason", ""),
        "backup_kind": backup.get("kind", ""),
        "backup": backup.get("identifier", ""),
        "backup_storage": backup.get("storage", ""),
        "backup_checksum": backup.get("checksum", ""),
        "backup_taken_at": backup.get("taken_at") or "",
        "backup_bytes": backup.get("size_bytes"),
        "backup_chosen": _chosen(chosen),
        **_objective("rpo", ObjectiveKind.RPO, checks, backup.get("age_seconds")),
        **_objective("rto", ObjectiveKind.RTO, checks, _restored_in(restore)),
        "restore": restore.get("outcome", ""),
        "restored_identity": restore.get("identity", ""),
        "server_version": restore.get("server_version", ""),
        **{f"checks_{outcome}": counts[outcome] for outcome in OUTCOMES},
        "teardown": (said.get("teardown") or {}).get("outcome", ""),
        "compared_with": baseline.get("drill_id", ""),
        "accepted_by": baseline.get("accepted_by", ""),
    }


def _restored_in(restore: Mapping[str, Any]) -> float | None:
    return restore.get("seconds") if restore.get("outcome") == "succeeded" else None


def _objective(
    name: str, kind: ObjectiveKind, checks: list[dict[str, Any]], measured: float | None
) -> dict[str, Any]:
    """What was asked for and what was measured; where nothing was asked for, the measurement alone."""
    found = next((check for check in checks if check.get("kind") == kind.value), None)
    numbers = (found or {}).get("measured") or {}
    return {
        f"{name}_seconds": numbers.get("seconds") if found else measured,
        f"{name}_asked_seconds": numbers.get("limit_seconds"),
        name: found["outcome"] if found else "not asked",
    }


def _chosen(chosen: Mapping[str, Any]) -> str:
    if not chosen:
        return ""
    seed = f", seed {chosen['seed']}" if chosen.get("seed") else ""
    return f"{chosen.get('by', '')} of {chosen.get('of', '')}{seed}"


def _signature(opened: Opened | None, *, judged: bool) -> str:
    if opened is None:
        return "none"
    if not judged:
        return "not checked"
    return opened.problem or "valid"
