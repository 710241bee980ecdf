"""Signatures and notes beside the reports."""

from collections.abc import Callable

from restorecheck.evidence.notes import NoteLink, StoredNote
from restorecheck.evidence.signatures import Signature
from restorecheck.history import Entry, sha256_of
from restorecheck.ports import Proofs
from restorecheck.sql.database import Database
from restorecheck.sql.store import COLUMNS, entry_of_row


class SqlProofs(Proofs):
    def __init__(self, database: Database) -> None:
        self._database = database

    def signatures(self) -> dict[int, Signature]:
        return self._signatures("select sequence, envelope, stamped from signatures")

    def unsigned(self) -> tuple[Entry, ...]:
        rows = self._database.rows(
            f"select {COLUMNS} from reports where sequence not in (select sequence from signatures)"  # noqa: S608  # our own columns
            " and sequence >= coalesce((select min(sequence) from signatures),"
            " (select max(sequence) from reports)) order by sequence"
        )
        return tuple(entry_of_row(row) for row in rows)

    def sign(self, sequence: int, signature: Signature) -> None:
        self._put(
            "insert into signatures values (?, ?, ?) on conflict do nothing", sequence, signature
        )

    def notes(self) -> tuple[StoredNote, ...]:
        rows = self._database.rows("select number, text, sha256 from notes order by number")
        return tuple(StoredNote(number=n, text=text, sha256=digest) for n, text, digest in rows)

    def note(self, compose: Callable[[NoteLink], str]) -> StoredNote:
        with self._database.transaction():
            last = self._database.row(
                "select number, sha256 from notes order by number desc limit 1"
            ) or (0, "")
            head = self._database.row(
                "select sequence, sha256 from reports order by sequence desc limit 1"
            ) or (0, "")
            text = compose(
                NoteLink(
                    number=last[0] + 1,
                    previous_sha256=last[1],
                    report_sequence=head[0],
                    report_sha256=head[1],
                )
            )
            stored = StoredNote(number=last[0] + 1, text=text, sha256=sha256_of(text))
            self._database.execute(
                "insert into notes values (?, ?, ?)", (stored.number, stored.text, stored.sha256)
            )
        return stored

    def note_signatures(self) -> dict[int, Signature]:
        return self._signatures("select number, envelope, stamped from note_signatures")

    def sign_note(self, number: int, signature: Signature) -> None:
        self._put(
            "insert into note_signatures values (?, ?, ?) on conflict do nothing", number, signature
        )

    def _signatures(self, statement: str) -> dict[int, Signature]:
        return {
            number: Signature(envelope=envelope, timestamp=stamped)
            for number, envelope, stamped in self._database.rows(statement)
        }

    def _put(self, statement: str, number: int, signature: Signature) -> None:
        with self._database.transaction():
            values = (number, signature.envelope, signature.timestamp)
            self._database.execute(statement, values)
