"""Imports the HTML faces of reports, which need the extra `report`."""

from types import ModuleType

from restorecheck.hosts.drill.metrics_file import not_installed


def html_room() -> ModuleType:
    """`restorecheck.report.html`.

    Raises:
        ConfigError: The extra `report` is not installed.
    """
    try:
        from restorecheck.report import html
    except ImportError as exc:
        raise not_installed("the HTML report", exc, "report") from exc
    return html
