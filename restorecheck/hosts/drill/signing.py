"""What signs the reports of this machine, by `history.sign`."""

from typing import TYPE_CHECKING, Any

from restorecheck.config import Config
from restorecheck.config.signing import Signing
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.drill.metrics_file import not_installed
from restorecheck.ports import Clock

if TYPE_CHECKING:
    from restorecheck.signing.scribe import Scribe


def scribe_of(config: Config, clock: Clock, kms: Any = None) -> "Scribe | None":  # noqa: ANN401  # boto3's client
    """None: nothing is to be signed. `kms`: the client of a function; by default one of this machine.

    Raises:
        ConfigError: The extra `signing` is not installed, or the key cannot sign.
        ProviderError: KMS does not show the key.
    """
    sign = config.history.sign
    if sign is None:
        return None
    try:
        from restorecheck.signing.scribe import Scribe

        signer = _signer(sign, config, kms)
    except ImportError as exc:
        raise not_installed("signing reports (history.sign)", exc, "signing") from exc
    return Scribe(signer=signer, clock=clock, timestamp_url=sign.timestamp_url or "")


def _signer(sign: Signing, config: Config, kms: Any) -> Any:  # noqa: ANN401  # securesystemslib's, and boto3's client
    if sign.kms_key_id is not None:
        from restorecheck.aws.deployment.signing import KmsSigner

        client = kms or _client(sign.kms_key_id, sign.region, sandbox=config.sandbox)
        return KmsSigner(client, sign.kms_key_id)
    from restorecheck.signing import envelopes

    assert sign.key is not None, "one of the two is given"
    try:
        return envelopes.signer_of(sign.key)
    except envelopes.UnusableKeyError as exc:
        problem = Problem(message=str(exc), file=config.file, path="history.sign.key")
        hint = "`openssl genpkey -algorithm ed25519 -out sign.pem` makes one."
        raise ConfigError((problem,), hint=hint) from exc


def _client(key_id: str, region: str | None, *, sandbox: bool) -> Any:  # noqa: ANN401  # boto3's own
    import boto3

    from restorecheck.aws.session.accounts import client_config, refuse_forbidden_endpoint
    from restorecheck.aws.session.translation import attempting

    of_arn = key_id.split(":")[3] if key_id.startswith("arn:") else None
    with attempting("prepare calls to kms"):
        made = boto3.Session().client(
            "kms", region_name=of_arn or region, config=client_config(3, 20.0)
        )
    refuse_forbidden_endpoint(made.meta.endpoint_url, sandbox=sandbox)
    return made
