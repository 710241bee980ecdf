"""Makes envelopes; needs nothing but securesystemslib, which functions of AWS have.

The id of a key is the SHA-256 of its public half (SubjectPublicKeyInfo, DER), which everyone can compute:
`openssl pkey -pubin -in KEY.pub -outform DER | sha256sum`.
"""

import hashlib
import json

from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer

from restorecheck.evidence.statements import PAYLOAD_TYPE


def sign(payload: bytes, signer: Signer) -> str:
    """The envelope with this statement, as one line of JSON."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":"))


def signature_bytes(text: str) -> bytes:
    """The signature in an envelope: what a time stamp is on."""
    (signature,) = Envelope.from_dict(json.loads(text)).signatures.values()
    return bytes.fromhex(signature.signature)


def key_id(der: bytes) -> str:
    """`der`: the public half of the key."""
    return hashlib.sha256(der).hexdigest()
