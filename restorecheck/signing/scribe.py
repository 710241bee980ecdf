"""Signs what a history has that is not signed yet. What fails is tried again with the next report."""

from dataclasses import dataclass

import structlog
from securesystemslib.signer import Signer

from restorecheck.errors import DeliveryError, RestorecheckError
from restorecheck.evidence import statements
from restorecheck.evidence.notes import StoredNote
from restorecheck.evidence.signatures import Signature
from restorecheck.ports import Clock, Proofs
from restorecheck.signing import dsse

log = structlog.get_logger("restorecheck.signing")


@dataclass(frozen=True, kw_only=True)
class Scribe:
    """Signs with one key."""

    signer: Signer
    clock: Clock
    timestamp_url: str = ""

    def catch_up(self, proofs: Proofs) -> str:
        """Sign every report and note that is not signed; returns why that failed, empty: it did not.

        Never raises because of the key or the network: a report without a signature is worth more than none.
        """
        try:
            for entry in proofs.unsigned():
                payload = statements.of_report(entry, self.clock.now())
                proofs.sign(entry.sequence, self.sign(payload))
            signed = proofs.note_signatures()
            for note in proofs.notes():
                if note.number not in signed:
                    proofs.sign_note(note.number, self._note(note))
        except Exception as exc:  # noqa: BLE001  # botocore's, cryptography's, securesystemslib's
            why = exc.message if isinstance(exc, RestorecheckError) else type(exc).__name__
            log.warning("signing.failed", why=why)
            return why
        return ""

    def sign(self, payload: bytes) -> Signature:
        envelope = dsse.sign(payload, self.signer)
        if not self.timestamp_url:
            return Signature(envelope=envelope)
        from restorecheck.signing import timestamps  # noqa: PLC0415  # functions of AWS do without

        try:
            stamped = timestamps.stamp(self.timestamp_url, dsse.signature_bytes(envelope))
        except DeliveryError as exc:
            log.warning("signing.not_stamped", why=exc.message)
            stamped = ""
        return Signature(envelope=envelope, timestamp=stamped)

    def _note(self, stored: StoredNote) -> Signature:
        return self.sign(statements.of_note(stored.note, stored.sha256, self.clock.now()))
