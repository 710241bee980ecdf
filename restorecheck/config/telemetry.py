"""The keys of `opentelemetry`: where traces and metrics go."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from restorecheck.checks.keys import Keys, Text, refusal
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.interpolation import MASK

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refusal("expected the URL of a collector, as in http://127.0.0.1:4318, found {found}")
    if parts.username or parts.query or parts.fragment:
        raise refusal(
            "expected a URL without a user and without ?…; write what it needs into headers"
        )
    return value.rstrip("/")


class OpenTelemetry(Keys):
    """A trace of each drill and the metrics of all targets, for a collector of OpenTelemetry."""

    model_config = ConfigDict(title="OpenTelemetry")

    endpoint: Annotated[Text, AfterValidator(_endpoint)] = Field(
        description="Base URL of OTLP over HTTP, such as http://127.0.0.1:4318; /v1/traces and /v1/metrics are added."
    )
    headers: dict[Text, SecretStr] = Field(
        default_factory=dict,
        repr=False,
        description="Headers of each request, such as a token. Never sent without TLS to another machine.",
    )
    service_name: Text = Field(default="restorecheck", description="Attribute service.name.")
    traces: bool = Field(default=True, description="Send a trace of each drill.")
    metrics: bool = Field(
        default=True, description="`restorecheck run` sends the metrics every minute."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        default=5.0,
        description="Maximum time of a delivery, with its retries; a drill's process waits for it.",
    )


def broken_telemetry_rules(document: Document) -> Iterator[ConfigFinding]:
    keys = document.data.get("opentelemetry")
    if not isinstance(keys, dict):
        return
    headers, endpoint = keys.get("headers"), keys.get("endpoint")
    if not isinstance(headers, dict) or not isinstance(endpoint, str):
        return
    parts = urlsplit(endpoint)
    if headers and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        message = "headers need https: others could read the token on its way"
        yield ConfigFinding(("opentelemetry", "headers"), message)
    for name, value in headers.items():
        path = ("opentelemetry", "headers", name)
        if isinstance(value, str) and MASK not in document.masked.get(path, value):
            yield ConfigFinding(
                path, "a header in plain text; write ${VARIABLE} or ${file:/run/secrets/token}"
            )
