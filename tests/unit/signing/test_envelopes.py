"""Envelopes are what other programs verify, and nothing else is taken for one."""

import base64
import hashlib
import json
import random
import shutil
import subprocess
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError

from restorecheck.evidence.statements import PAYLOAD_TYPE
from restorecheck.signing import dsse, envelopes
from tests.missing import need
from tests.signed import Key

KEY, OTHER = Key(), Key()
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'


def signed(key=KEY, payload=PAYLOAD):
    return dsse.sign(payload, envelopes.signer_of(key.private))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_what_a_key_signed_is_opened_with_its_public_half(kind):
    key = Key(kind)
    found = envelopes.opened(signed(key), [OTHER.verifier, key.verifier])

    assert (found.problem, found.payload, found.key_id) == ("", PAYLOAD, key.id)


def test_a_key_that_was_not_given_is_named():
    found = envelopes.opened(signed(), [OTHER.verifier])

    assert KEY.id[:16] in found.problem
    assert found.payload == b""


def test_an_envelope_that_names_a_given_key_and_is_signed_by_another_is_forged():
    said = json.loads(signed(OTHER))
    said["signatures"][0]["keyid"] = KEY.id

    found = envelopes.opened(json.dumps(said), [KEY.verifier])

    assert found.problem.startswith("forged or changed after signing")
    assert found.payload == b""


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[]", "[" * 100_000, '{"payload": "", "payloadType": "", "signatures": []}'],
)
def test_what_is_no_envelope_is_named_so(text):
    assert "not a DSSE envelope" in envelopes.opened(text, [KEY.verifier]).problem


def test_another_type_of_payload_is_not_taken_for_a_statement():
    text = Envelope(PAYLOAD, "text/plain", {})
    text.sign(envelopes.signer_of(KEY.private))

    assert envelopes.opened(json.dumps(text.to_dict()), [KEY.verifier]).problem


def test_every_changed_byte_of_an_envelope_is_found_or_changes_nothing():
    """Harmless are only bits that the encoding does not use: the decoded envelope is the same."""
    text = signed()
    meant = Envelope.from_dict(json.loads(text))
    dice = random.Random(1)
    harmless = 0
    for place in range(len(text)):
        raw = bytearray(text.encode())
        raw[place] ^= 1 << dice.randrange(7)
        changed = raw.decode()
        found = envelopes.opened(changed, [KEY.verifier])
        if not found.problem:
            assert Envelope.from_dict(json.loads(changed)) == meant, place
            harmless += 1
    assert harmless < 5


def test_a_key_is_known_by_what_openssl_computes_of_it(tmp_path):
    need(shutil.which("openssl"), "openssl", "apt-get install openssl")
    path = KEY.write(tmp_path)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", path, "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout

    assert hashlib.sha256(der).hexdigest() == KEY.id


def test_the_libraries_of_others_verify_an_envelope():
    """Securesystemslib by itself, and cryptography with nothing but DSSE's own specification."""
    said = json.loads(signed())
    payload, signature = (
        base64.b64decode(text) for text in (said["payload"], said["signatures"][0]["sig"])
    )
    kind = said["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)

    Envelope.from_dict(json.loads(signed())).verify([KEY.verifier], 1)
    public: Any = load_pem_public_key(KEY.public.encode())
    public.verify(signature, pae)
    with pytest.raises(InvalidSignature):
        public.verify(signature, pae + b" ")
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(signed())).verify([OTHER.verifier], 1)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ed25519", []),
        ("ecdsa", ["-digest", "sha256"]),
        ("rsa", ["-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss"]),
    ],
)
def test_openssl_verifies_every_kind_of_key_as_a_pack_says(tmp_path, kind, more):
    need(shutil.which("openssl"), "openssl", "apt-get install openssl")
    key = Key(kind)
    public = key.write(tmp_path)
    said = json.loads(signed(key))
    payload = base64.b64decode(said["payload"])
    (tmp_path / "signed").write_bytes(
        b"DSSEv1 28 %s %d %s" % (PAYLOAD_TYPE.encode(), len(payload), payload)
    )
    (tmp_path / "signature").write_bytes(base64.b64decode(said["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin", *more]
    command += ["-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "signature")]

    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    (tmp_path / "signed").write_bytes(b"other")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        ("", "not a private key"),
        (KEY.public, "not a private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "not a private key"),
    ],
)
def test_what_cannot_sign_is_refused(pem, why):
    with pytest.raises(envelopes.UnusableKeyError, match=why):
        envelopes.signer_of(pem)


def test_a_key_with_a_password_is_refused_as_such():
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x"],
        capture_output=True,
        check=True,
        text=True,
    )

    with pytest.raises(envelopes.UnusableKeyError, match="password"):
        envelopes.signer_of(made.stdout)


def test_a_private_key_is_no_public_one():
    with pytest.raises(envelopes.UnusableKeyError, match="not a public key"):
        envelopes.public_key_of(KEY.private.encode())
    assert envelopes.pem_of(KEY.verifier) == KEY.public
