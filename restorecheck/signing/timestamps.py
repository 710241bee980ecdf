"""Time stamps of RFC 3161 on signatures, by rfc3161-client: when a signature existed at the latest.

A stored time stamp is the authority's whole response in base64; `openssl ts -verify` reads it too.
"""

import base64
from collections.abc import Sequence
from urllib.parse import urlsplit

import urllib3
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from restorecheck.errors import DeliveryError
from restorecheck.spelling import second_of

SECONDS = 15.0
"""The most that one time stamp may take; then the report is signed without one."""
LARGEST = 64 * 1024
"""Bytes of an answer that are read; a longer one cannot be parsed, and the report is signed without a time stamp."""
GRANTED = (0, 1)
"""PKIStatus: granted, granted with changes (RFC 3161, 2.4.2)."""


def stamp(url: str, message: bytes) -> str:
    """A time stamp on the SHA-256 of `message`.

    Raises:
        DeliveryError: The authority gave none.
    """
    host = urlsplit(url).hostname or ""
    request = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256).build()
    try:
        answer = urllib3.request(
            "POST",
            url,
            body=request.as_bytes(),
            headers={"Content-Type": "application/timestamp-query"},
            timeout=urllib3.Timeout(total=SECONDS),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        content = answer.read(LARGEST)
    except urllib3.exceptions.HTTPError as exc:
        message_ = f"could not get a time stamp from {host}: {type(exc).__name__}"
        raise DeliveryError(message_) from exc
    if answer.status != 200:  # noqa: PLR2004  # OK
        raise DeliveryError(f"could not get a time stamp from {host}: HTTP {answer.status}")
    try:
        response = decode_timestamp_response(content)
    except ValueError as exc:
        message_ = f"could not get a time stamp from {host}: its answer is no time stamp"
        raise DeliveryError(message_) from exc
    if response.status not in GRANTED:
        message_ = f"could not get a time stamp from {host}: status {response.status}"
        raise DeliveryError(message_)
    return base64.b64encode(content).decode()


def certificates_of(pem: bytes) -> list[Certificate]:
    """Raises ValueError: there is none in the text."""
    return load_pem_x509_certificates(pem)


def proven(text: str, message: bytes, roots: Sequence[Certificate]) -> tuple[str, str]:
    """(what the time stamp proves, what is wrong with it); one of them is empty.

    `roots`: certificates of the authorities that are trusted.
    """
    try:
        response = decode_timestamp_response(base64.b64decode(text, validate=True))
        builder = VerifierBuilder()
        for root in roots:
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, message)
    except (ValueError, VerificationError) as exc:
        return "", f"its time stamp is not one of the given authorities: {exc}"
    return f"signed before {second_of(response.tst_info.gen_time)}", ""
