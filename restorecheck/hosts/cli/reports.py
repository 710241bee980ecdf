"""`restorecheck report`: a stored report, or the pages of all targets, in the chosen format."""

import argparse
import contextlib
import sys
from importlib import import_module
from pathlib import Path

from restorecheck.config import Config
from restorecheck.errors import ConfigError, NotFoundError, Problem
from restorecheck.hosts.cli.target_names import nearest
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill.html_pages import html_room
from restorecheck.hosts.drill.metrics_file import write_numbers
from restorecheck.hosts.drill.standings import overview_of, statuses_of
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.process.console import use_color
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.leases import locks_of
from restorecheck.hosts.process.past import past_until
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.faces import SUFFIXES
from restorecheck.report.terminal import clean
from restorecheck.sql.store import SqlStore


def report(config: Config, arguments: argparse.Namespace) -> int:
    store = open_history(config.history)
    try:
        if arguments.format == "openmetrics":
            return _numbers(config, store, arguments)
        if arguments.all:
            return _all(config, store, arguments)
        text = store.report(_drill_id(config, store, arguments.what))
        shown = _rendered(arguments.format, text, store, to_file=bool(arguments.output))
    except NotFoundError as exc:
        guess = nearest(arguments.what or "", [target.name for target in config.targets])
        print(f"restorecheck: {clean(exc.message + guess)}", file=sys.stderr)
        return Exit.INCONCLUSIVE
    finally:
        store.close()
    with writing(arguments.output) as stream:
        stream.write(shown)
    return Exit.VERIFIED


def write_page(store: SqlStore, drill_id: str, path: Path) -> None:
    """The HTML page of one drill.

    Raises:
        ConfigError: The extra `report` is not installed, or the file cannot be written.
    """
    with writing(str(path)) as stream:
        stream.write(_rendered("html", store.report(drill_id), store, to_file=True))


def _numbers(config: Config, store: SqlStore, arguments: argparse.Namespace) -> int:
    if arguments.what is not None:
        message = "openmetrics has the metrics of all targets: leave out DRILL|TARGET"
        raise ConfigError((Problem(message=message),))
    write_numbers(overview_of(config, store, SystemClock().now()), arguments.output)
    return Exit.VERIFIED


def _rendered(form: str, text: str, store: SqlStore, *, to_file: bool) -> str:
    if form == "json":
        return text + "\n"
    made = document.parse(text)
    match form:
        case "text":
            from restorecheck.report.terminal import render

            past = past_until(made, store)
            return render(made, past, color=use_color(sys.stdout) and not to_file)
        case "junit":
            from restorecheck.report import junit

            return junit.render([made])
        case "html":
            face = html_room()
        case _:
            face = import_module(f"restorecheck.report.{form}")
    shown: str = face.render(made, past_until(made, store))
    return shown


def _all(config: Config, store: SqlStore, arguments: argparse.Namespace) -> int:
    """The newest report of each target; for HTML also an index."""
    if not arguments.output:
        message = "--all writes several files: name a folder with -o"
        raise ConfigError((Problem(message=message),))
    form = arguments.format
    folder = Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        message = f"{folder} cannot be made: {exc.strerror}"
        raise ConfigError((Problem(message=message),)) from exc
    newest: dict[str, Report] = {}
    for target in config.targets:
        for entry in store.entries(target=target.name, newest=1):
            with contextlib.suppress(NotFoundError):  # retention removed the text
                text = store.report(entry.drill_id)
                newest[target.name] = document.parse(text)
                with writing(str(folder / _file_of(target.name, form))) as stream:
                    stream.write(_rendered(form, text, store, to_file=True))
    if form == "html":
        now = SystemClock().now()
        statuses = statuses_of(config, store, locks_of(Path(config.history.path)), now)
        links = {name: _file_of(name, form) for name in newest}
        with writing(str(folder / "index.html")) as stream:
            stream.write(html_room().render_index(statuses, newest, links, now))
        print(folder / "index.html")
    else:
        print(folder)
    return Exit.VERIFIED


def _file_of(target: str, form: str) -> str:
    return f"{target}.{SUFFIXES[form]}"


def _drill_id(config: Config, store: SqlStore, what: str | None) -> str:
    """Id of the given drill, of a target's newest drill, or of the newest drill of all."""
    if what is not None and what not in {target.name for target in config.targets}:
        return what
    newest = store.entries(target=what, newest=1)
    if not newest:
        of = f" of {what}" if what else ""
        raise NotFoundError(f"no drill{of} in {store.database.place}")
    return newest[-1].drill_id
