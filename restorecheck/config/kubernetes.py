"""The keys of `runner.kubernetes`: where the Jobs of drills are made."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from restorecheck.checks.keys import Keys, Text, optional, refusal
from restorecheck.config.queue import LOOPBACK

_API = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/?")
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


def _api(value: str) -> str:
    match = _API.fullmatch(value)
    if match is None:
        raise refusal("expected a URL such as https://kubernetes.default.svc, found {found}")
    if match["scheme"] != "https" and match["host"] not in LOOPBACK:
        raise refusal("expected https: others could read the token")
    return value


class Kubernetes(Keys):
    """One Job for each drill, with `runner.dispatch: kubernetes`."""

    model_config = ConfigDict(title="Kubernetes")

    job: Text = Field(
        description="File with the manifest of a Job (YAML): image, volumes, resources. restorecheck sets its name, "
        "and `args` of its first container. Relative to the configuration file."
    )
    namespace: DnsLabel | None = optional(
        "Namespace of the Jobs; by default that of the runner's pod."
    )
    queue: DnsLabel | None = optional(
        "LocalQueue of Kueue, which then decides when each Job runs (the label kueue.x-k8s.io/queue-name)."
    )
    api: Annotated[Text, AfterValidator(_api)] | None = optional(
        "URL of the Kubernetes API; by default that of the cluster in which the runner runs."
    )
    token_file: Text | None = optional(
        "File with the token; by default that of the pod's service account."
    )
    ca_file: Text | None = optional(
        "PEM file with the authority of the API; by default that of the service account."
    )
