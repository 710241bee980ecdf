"""Keys as PEM, and what they say of envelopes."""

import json
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from restorecheck.evidence.signatures import Opened, forged, not_an_envelope, unknown_key
from restorecheck.evidence.statements import PAYLOAD_TYPE
from restorecheck.signing.dsse import key_id


class UnusableKeyError(ValueError):
    """The text is not a key that can sign, or verify; the message says why."""


def signer_of(pem: str) -> Signer:
    """The signer with this private key (PEM, PKCS 8, without a password).

    Raises:
        UnusableKeyError: It is none.
    """
    try:
        private: Any = load_pem_private_key(pem.strip().encode(), None)
        return CryptoSigner(private, named_key(private.public_key()))
    except TypeError as exc:
        raise UnusableKeyError("the key has a password") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        message = "not a private key in PEM (PKCS 8) of ed25519, ECDSA or RSA"
        raise UnusableKeyError(message) from exc


def public_key_of(pem: bytes) -> SSlibKey:
    """The public key in this text (PEM).

    Raises:
        UnusableKeyError: It is none.
    """
    try:
        return named_key(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as exc:
        message = "not a public key in PEM of ed25519, ECDSA or RSA"
        raise UnusableKeyError(message) from exc


def named_key(public: Any) -> SSlibKey:  # noqa: ANN401  # cryptography's many kinds
    """The key under the id that everyone can compute."""
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SSlibKey.from_crypto(public, keyid=key_id(der))


def pem_of(key: SSlibKey) -> str:
    public: Any = key._crypto_key()  # noqa: SLF001  # of an ed25519 key it keeps the raw bytes only
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def opened(text: str, keys: Iterable[SSlibKey]) -> Opened:
    """What the keys say of an envelope."""
    try:
        envelope = Envelope.from_dict(json.loads(text))
        (named,) = envelope.signatures
        known: list[Key] = [key for key in keys if key.keyid == named]
    except Exception:  # noqa: BLE001  # anything can stand in it, and the library checks little
        return Opened(problem=not_an_envelope())
    if not known:
        return Opened(key_id=str(named), problem=unknown_key(str(named)))
    if envelope.payload_type != PAYLOAD_TYPE:
        return Opened(key_id=named, problem=forged(named))
    try:
        envelope.verify(known, 1)
    except (VerificationError, ValueError):
        return Opened(key_id=named, problem=forged(named))
    return Opened(key_id=named, payload=envelope.payload)
