"""Metrics of all targets, in a file for Prometheus's node_exporter."""

from types import ModuleType

from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.process.atomic_files import FOR_EVERYBODY, writing
from restorecheck.report.status import Overview


def write_numbers(overview: Overview, output: str | None) -> None:
    """Write the file for node_exporter, which runs as another user.

    Raises:
        ConfigError: The extra `metrics` is not installed, or the file cannot be written.
    """
    text = metrics_room().textfile(overview)
    with writing(output, mode=FOR_EVERYBODY) as stream:
        stream.write(text)


def metrics_room() -> ModuleType:
    """`restorecheck.report.metrics`.

    Raises:
        ConfigError: The extra `metrics` is not installed.
    """
    try:
        from restorecheck.report import metrics
    except ImportError as exc:
        raise not_installed("writing metrics for Prometheus", exc, "metrics") from exc
    return metrics


def not_installed(what: str, exc: ImportError, extra: str) -> ConfigError:
    message = f"{what} needs {exc.name}, which is not installed"
    return ConfigError((Problem(message=message),), hint=f"pip install 'restorecheck[{extra}]'")
