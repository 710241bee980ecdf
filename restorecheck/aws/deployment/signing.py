"""Signs with an asymmetric key of AWS KMS; the private half never leaves KMS.

securesystemslib has a signer for KMS too, but it makes clients of its own, which no fence guards, and it knows
no ed25519. Algorithms: https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html.
"""

from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_public_key
from securesystemslib.signer import Signature, Signer, SSlibKey

from restorecheck.aws.session.translation import attempting
from restorecheck.errors import ConfigError, Problem
from restorecheck.signing.envelopes import named_key

ALGORITHMS = {
    "ed25519": "ED25519_SHA_512",
    "ecdsa-sha2-nistp256": "ECDSA_SHA_256",
    "ecdsa-sha2-nistp384": "ECDSA_SHA_384",
    "rsassa-pss-sha256": "RSASSA_PSS_SHA_256",
}
"""Scheme of the key → KMS's `SigningAlgorithm`. KMS gets the statement itself, of at most 4,096 bytes: ed25519 takes no digest."""


class KmsSigner(Signer):
    """Rights: kms:GetPublicKey and kms:Sign on the key."""

    def __init__(self, kms: Any, key_id: str) -> None:  # noqa: ANN401  # boto3's client
        self._kms = kms
        self._key_id = key_id

    @cached_property
    def public_key(self) -> SSlibKey:
        """Asked for when it is first needed: without KMS a drill goes on, and is signed later.

        Raises:
            ConfigError: This key cannot sign reports.
            ProviderError: KMS does not show it.
        """
        with attempting("read the public half of the signing key", self._key_id):
            der = self._kms.get_public_key(KeyId=self._key_id)["PublicKey"]
        try:
            key = named_key(load_der_public_key(der))
        except ValueError as exc:
            raise _unusable(self._key_id) from exc
        if key.scheme not in ALGORITHMS:
            raise _unusable(self._key_id)
        return key

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> "KmsSigner":
        raise NotImplementedError  # keys are named by the configuration

    def sign(self, payload: bytes) -> Signature:
        with attempting("sign a report", self._key_id):
            answer = self._kms.sign(
                KeyId=self._key_id,
                Message=payload,
                MessageType="RAW",
                SigningAlgorithm=ALGORITHMS[self.public_key.scheme],
            )
        return Signature(self.public_key.keyid, answer["Signature"].hex())


def _unusable(key_id: str) -> ConfigError:
    message = f"the KMS key {key_id} is not one for signing reports: ECC_NIST_P256, ECC_NIST_EDWARDS25519 or RSA"
    return ConfigError((Problem(message=message, path="history.sign.kms_key_id"),))
