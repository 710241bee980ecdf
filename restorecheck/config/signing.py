"""The keys of `history.sign`: what signs the reports."""

from collections.abc import Iterator

from pydantic import ConfigDict, Field

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.interpolation import MASK


class Signing(Keys):
    """Sign every report and every note."""

    model_config = ConfigDict(title="Signing")

    key: Text | None = Field(
        default=None,
        repr=False,
        description="Private key in PEM (PKCS 8, without a password), from `${file:/run/secrets/sign.pem}` or "
        "`${VARIABLE}`: ed25519, which `openssl genpkey -algorithm ed25519` makes.",
    )
    kms_key_id: Text | None = optional(
        "ARN or alias of an asymmetric AWS KMS key for signing (ECC_NIST_P256, ECC_NIST_EDWARDS25519 or RSA), instead of `key`."
    )
    region: Text | None = optional("Region of the KMS key, where its ARN does not say it.")
    timestamp_url: Text | None = optional(
        "URL of a time stamp authority (RFC 3161). Each signature gets its time stamp; where that fails, the report is "
        "signed without one."
    )


def broken_signing_rules(document: Document) -> Iterator[ConfigFinding]:
    history = document.data.get("history")
    sign = history.get("sign") if isinstance(history, dict) else None
    if not isinstance(sign, dict):
        return
    path = ("history", "sign")
    given = [key for key in ("key", "kms_key_id") if sign.get(key) is not None]
    if len(given) != 1:
        found = "found both" if given else "found neither"
        yield ConfigFinding(path, f"expected one of these keys: key, kms_key_id; {found}")
    key = sign.get("key")
    if isinstance(key, str) and MASK not in document.masked.get((*path, "key"), key):
        message = "a private key in plain text; write ${file:/run/secrets/sign.pem} or ${VARIABLE}"
        yield ConfigFinding((*path, "key"), message)
    url = sign.get("timestamp_url")
    if isinstance(url, str) and not url.startswith(("http://", "https://")):
        yield ConfigFinding((*path, "timestamp_url"), "expected a URL with http:// or https://")
