"""Notes of people on drills, acceptances, and approvals of packs: a chain of their own. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from restorecheck.history import Flaw, sha256_of


class NoteKind(StrEnum):
    NOTE = "note"
    """Cause and correction of a drill that was not verified, or any other remark on it."""
    ACCEPTANCE = "acceptance"
    """`history accept`: later drills are compared with this one."""
    APPROVAL = "approval"
    """A person signed off an evidence pack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteLink:
    """The place of a new note."""

    number: int
    previous_sha256: str
    report_sequence: int
    report_sha256: str


class Note(BaseModel):
    """One note, as stored and signed. It holds the hash of the note before it, and of the newest report."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    schema_version: Literal[1] = 1
    number: int = Field(ge=1)
    previous_sha256: str
    report_sequence: int = Field(ge=0)
    """The newest report when the note was written; 0: there was none."""
    report_sha256: str
    kind: NoteKind
    at: datetime
    by: str
    why: str
    drill_id: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Of an approval: the period, and the targets; no targets: all."""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNote:
    """A note as it lies in the history."""

    number: int
    text: str
    sha256: str

    @property
    def note(self) -> Note:
        """Raises ValueError: the text is not a note of this version."""
        return Note.model_validate_json(self.text)


def write(link: NoteLink, **said: object) -> str:
    """The text of a new note; `said`: the fields of `Note` that are not in the link."""
    place = {
        "number": link.number,
        "previous_sha256": link.previous_sha256,
        "report_sequence": link.report_sequence,
        "report_sha256": link.report_sha256,
    }
    return Note.model_validate({**place, **said}).model_dump_json()


def note_flaws(notes: Iterable[StoredNote], reports: dict[int, str]) -> Iterator[Flaw]:
    """The errors in the chain of notes; `reports`: sequence → hash of each report in the history."""
    expected, previous = 1, ""
    for stored in notes:
        for what in _flaws(stored, expected, previous, reports):
            yield Flaw(stored.number, "", what)
        expected, previous = stored.number + 1, stored.sha256


def _flaws(
    stored: StoredNote, expected: int, previous: str, reports: dict[int, str]
) -> Iterator[str]:
    if stored.number != expected:
        yield f"notes before this one are missing, from {expected}"
    if sha256_of(stored.text) != stored.sha256:
        yield "the text of the note was changed"
        return
    try:
        note = stored.note
    except ValueError:
        yield "the note cannot be read: a newer restorecheck wrote it, or it was changed"
        return
    if note.number != stored.number or (
        stored.number == expected and note.previous_sha256 != previous
    ):
        yield "the note does not hold its number and the hash of the previous note"
    if reports.get(note.report_sequence, "") != note.report_sha256:
        yield f"report {note.report_sequence} is not the one that was there when the note was written"
