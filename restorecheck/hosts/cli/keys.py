"""Public keys and certificates on the command line, and what they say of signatures."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.errors import ConfigError, Problem
from restorecheck.evidence.signatures import Opened, Signature
from restorecheck.hosts.drill.metrics_file import not_installed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from securesystemslib.signer import SSlibKey


class Judge:
    """Opens envelopes with the keys in `--key`, and time stamps with the authorities in `--tsa-cert`."""

    def __init__(self, keys: "list[SSlibKey]", authorities: "list[Certificate]") -> None:
        self.keys = keys
        self._authorities = authorities
        self._known: dict[Signature, Opened] = {}

    def opened(self, signature: Signature) -> Opened:
        if signature not in self._known:
            self._known[signature] = self._opened(signature)
        return self._known[signature]

    def _opened(self, signature: Signature) -> Opened:
        from restorecheck.signing import envelopes

        found = envelopes.opened(signature.envelope, self.keys)
        if found.problem or not self._authorities or not signature.timestamp:
            return found
        from restorecheck.signing import dsse, timestamps

        message = dsse.signature_bytes(signature.envelope)
        stamped, problem = timestamps.proven(signature.timestamp, message, self._authorities)
        return Opened(key_id=found.key_id, payload=found.payload, problem=problem, stamped=stamped)

    def all_of(self, signatures: Mapping[int, Signature]) -> dict[int, Opened]:
        return {number: self.opened(signature) for number, signature in signatures.items()}


def judge_of(arguments: argparse.Namespace) -> Judge | None:
    """None: no key was given.

    Raises:
        ConfigError: A file cannot be read or holds no key, or the extra `signing` is not installed.
    """
    if not arguments.key:
        if arguments.tsa_cert:
            message = "--tsa-cert verifies time stamps on signatures: it needs --key"
            raise ConfigError((Problem(message=message),))
        return None
    try:
        from restorecheck.signing import envelopes, timestamps
    except ImportError as exc:
        raise not_installed("verifying signatures (--key)", exc, "signing") from exc
    keys, authorities = [], []
    for name in arguments.key:
        try:
            keys.append(envelopes.public_key_of(_content(name)))
        except envelopes.UnusableKeyError as exc:
            raise ConfigError((Problem(message=str(exc), file=name),)) from exc
    for name in arguments.tsa_cert or ():
        try:
            authorities += timestamps.certificates_of(_content(name))
        except ValueError as exc:
            message = "not a certificate in PEM"
            raise ConfigError((Problem(message=message, file=name),)) from exc
    return Judge(keys, authorities)


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        message = f"could not read {name}: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc
