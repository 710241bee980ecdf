"""The Kubernetes cluster of the runner, from its configuration and its pod."""

import os
from pathlib import Path

import yaml

from restorecheck.config import Config
from restorecheck.dispatch.kubernetes import Cluster, KubernetesJobs, Manifest
from restorecheck.errors import ConfigError, Problem
from restorecheck.ports import Clock

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Source: Kubernetes, "Accessing the Kubernetes API from a Pod"."""


def jobs_of(config: Config, clock: Clock) -> KubernetesJobs:
    """Raises ConfigError: the manifest cannot be used, or nothing says where the API is."""
    keys = config.runner.kubernetes
    assert keys is not None, "a rule of the configuration"
    manifest = _manifest(Path(keys.job))
    cluster = Cluster(
        api=keys.api or _api(),
        namespace=keys.namespace or _namespace(),
        token_file=Path(keys.token_file or ACCOUNT / "token"),
        ca_file=Path(keys.ca_file) if keys.ca_file else ACCOUNT / "ca.crt",
    )
    return KubernetesJobs(cluster, manifest, queue=keys.queue, clock=clock)


def _api() -> str:
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    if not host:
        raise _problem("api", "the runner is not in a pod: set the URL of the Kubernetes API")
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"


def _namespace() -> str:
    try:
        return (ACCOUNT / "namespace").read_text().strip()
    except OSError:
        raise _problem(
            "namespace", "the runner is not in a pod: set the namespace of the Jobs"
        ) from None


def _manifest(path: Path) -> Manifest:
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        why = getattr(exc, "strerror", None) or "it is not YAML"
        raise _problem("job", f"could not read {path}: {why}") from exc
    job = found if isinstance(found, dict) else {}
    try:
        is_one = job["kind"] == "Job" and job["spec"]["template"]["spec"]["containers"][0]["image"]
    except (KeyError, IndexError, TypeError):
        is_one = False
    if not is_one:
        raise _problem(
            "job", f"{path}: expected one Job (batch/v1) with an image in its first container"
        )
    return job


def _problem(key: str, message: str) -> ConfigError:
    return ConfigError((Problem(message=message, path=f"runner.kubernetes.{key}"),))
