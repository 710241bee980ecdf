"""Rules between the keys of `history`."""

from collections.abc import Iterator

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.server_url import IN_PLAIN_TEXT, has_plain_password


def broken_history_rules(document: Document) -> Iterator[ConfigFinding]:
    history = document.data.get("history")
    url = history.get("url") if isinstance(history, dict) else None
    runner = document.data.get("runner")
    dispatch = runner.get("dispatch") if isinstance(runner, dict) else None
    if dispatch not in {None, "here"} and url is None:
        message = "drills on other hosts need a history that they share: set history.url"
        yield ConfigFinding(("runner", "dispatch"), message)
    if dispatch == "kubernetes" and isinstance(runner, dict) and runner.get("kubernetes") is None:
        message = "missing key: runner.kubernetes, with the manifest of a Job"
        yield ConfigFinding(("runner", "dispatch"), message)
    if not isinstance(history, dict) or not isinstance(url, str):
        return
    path = ("history", "url")
    if has_plain_password(document.hand_written(path, url)):
        yield ConfigFinding(path, IN_PLAIN_TEXT)
    if history.get("path") is not None:
        yield ConfigFinding(path, "expected one of these keys: path, url; found both")
