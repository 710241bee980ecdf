"""Keys and scribes for tests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from restorecheck.signing import envelopes
from restorecheck.signing.scribe import Scribe
from tests.factories import NOW

MAKERS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


@dataclass
class Still:
    """A clock that stands still."""

    at: datetime = NOW

    def now(self):
        return self.at


class Key:
    """A key pair; its halves as PEM."""

    def __init__(self, kind="ed25519"):
        private = MAKERS[kind]()
        self.private = private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        self.public = (
            private.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        self.verifier = envelopes.public_key_of(self.public.encode())
        self.id = self.verifier.keyid

    def scribe(self, **said):
        return Scribe(signer=envelopes.signer_of(self.private), clock=Still(), **said)

    def write(self, folder, name="sign"):
        (folder / f"{name}.pem").write_text(self.private)
        (folder / f"{name}.pub").write_text(self.public)
        return folder / f"{name}.pub"
