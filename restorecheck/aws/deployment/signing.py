"""Signs with an asymmetric key of AWS KMS; the private half never leaves KMS.

securesystemslib has a signer for KMS too, but it makes clients of its own, which no fence guards, and it knows
no ed25519. Key specs and algorithms: https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html.
"""

import base64
from functools import cached_property
from textwrap import wrap
from typing import Any

from securesystemslib.signer import Signature, Signer, SSlibKey

from restorecheck.aws.session.translation import attempting
from restorecheck.errors import ConfigError, Problem
from restorecheck.signing.dsse import key_id as id_of

RSA = ("rsa", "rsassa-pss-sha256", "RSASSA_PSS_SHA_256")
SPECS = {
    "ECC_NIST_EDWARDS25519": ("ed25519", "ed25519", "ED25519_SHA_512"),
    "ECC_NIST_P256": ("ecdsa", "ecdsa-sha2-nistp256", "ECDSA_SHA_256"),
    "ECC_NIST_P384": ("ecdsa", "ecdsa-sha2-nistp384", "ECDSA_SHA_384"),
    "RSA_2048": RSA,
    "RSA_3072": RSA,
    "RSA_4096": RSA,
}
"""KMS's `KeySpec` → type and scheme of securesystemslib, KMS's `SigningAlgorithm`. KMS gets the statement itself, of at most
4,096 bytes: ed25519 takes no digest.
"""
RAW = 32
"""Bytes of an ed25519 key, at the end of its DER (RFC 8410, 4)."""


class KmsSigner(Signer):
    """Rights: kms:GetPublicKey and kms:Sign on the key."""

    def __init__(self, kms: Any, key_id: str) -> None:  # noqa: ANN401  # boto3's client
        self._kms = kms
        self._key_id = key_id

    @cached_property
    def _shown(self) -> tuple[SSlibKey, str]:
        with attempting("read the public half of the signing key", self._key_id):
            answer = self._kms.get_public_key(KeyId=self._key_id)
        der = answer["PublicKey"]
        spec = answer.get("KeySpec") or answer.get("CustomerMasterKeySpec")  # its former name
        if spec not in SPECS or answer["KeyUsage"] != "SIGN_VERIFY":
            raise _unusable(self._key_id)
        kind, scheme, algorithm = SPECS[spec]
        public = der[-RAW:].hex() if kind == "ed25519" else _pem(der)
        return SSlibKey(id_of(der), kind, scheme, {"public": public}), algorithm

    @property
    def public_key(self) -> SSlibKey:
        """Asked for when it is first needed: without KMS a drill goes on, and is signed later.

        Raises:
            ConfigError: This key cannot sign reports.
            ProviderError: KMS does not show it.
        """
        return self._shown[0]

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> "KmsSigner":
        raise NotImplementedError  # keys are named by the configuration

    def sign(self, payload: bytes) -> Signature:
        key, algorithm = self._shown
        with attempting("sign a report", self._key_id):
            answer = self._kms.sign(
                KeyId=self._key_id,
                Message=payload,
                MessageType="RAW",
                SigningAlgorithm=algorithm,
            )
        return Signature(key.keyid, answer["Signature"].hex())


def _pem(der: bytes) -> str:
    lines = "\n".join(wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def _unusable(key_id: str) -> ConfigError:
    message = f"the KMS key {key_id} is not one for signing reports: ECC_NIST_P256, ECC_NIST_EDWARDS25519 or RSA"
    return ConfigError((Problem(message=message, path="history.sign.kms_key_id"),))
