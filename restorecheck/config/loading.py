"""From text to `Config`, or to every problem at once."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from restorecheck.config.discovery import (
    decode,
    found_targets,
    normalised,
    refuse_taken_names,
    rule_of,
)
from restorecheck.config.document import Document, read_document
from restorecheck.config.files import read
from restorecheck.config.findings import ConfigFinding, UnusableDocumentError, dotted
from restorecheck.config.interpolation import Interpolator, expand_home
from restorecheck.config.kubernetes import Kubernetes
from restorecheck.config.limits import passed_limits
from restorecheck.config.models import (
    Aws,
    Config,
    ConfigFile,
    DiscoveringFile,
    History,
    PagesServer,
    Postgres,
    Runner,
    WrittenHistory,
    without_extensions,
)
from restorecheck.config.notify_rules import named
from restorecheck.config.problems import findings_of
from restorecheck.config.rules import broken_rules, is_about_sources
from restorecheck.config.server_url import parse_server_url
from restorecheck.config.targets import resolved
from restorecheck.config.tiers import with_tiers
from restorecheck.errors import ConfigError, Problem

Section = TypeVar("Section", Aws, Kubernetes, PagesServer, Postgres, Runner)

_HINT = "`restorecheck config example` prints a valid file, `restorecheck config schema` its schema"


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in the file.

    Raises:
        ConfigError: with every problem that the file has.
    """
    directory = path.expanduser().absolute().parent
    return parse(read(path), file=str(path), directory=directory, environment=environment)


def load_with_limits(
    path: Path, environment: Mapping[str, str]
) -> tuple[Config, tuple[Problem, ...]]:
    """As `load`, and where the configuration passes a limit of AWS."""
    text = read(path)  # once: it may be a pipe
    directory = path.expanduser().absolute().parent
    config = parse(text, file=str(path), directory=directory, environment=environment)
    document = read_document(text, Interpolator(environment, directory))
    found = passed_limits(config, document)
    return config, tuple(_problem(finding, document, str(path)) for finding in found)


def parse(
    text: str,
    *,
    file: str,
    directory: Path,
    environment: Mapping[str, str],
    found: str | None = None,
) -> Config:
    """The configuration in the text; relative paths start from the directory. `found`: the list of found databases; None: it is
    read from the file beside the history.

    Raises:
        ConfigError: with every problem that the text has.
    """
    interpolator = Interpolator(environment, directory)
    try:
        document = read_document(text, interpolator)
    except UnusableDocumentError as exc:
        raise ConfigError((_problem(exc.finding, Document(), file),), hint=_HINT) from None
    written, findings = _validated(document)
    if written is None or findings:
        problems = {_problem(finding, document, file): None for finding in findings}
        ordered = sorted(problems, key=lambda problem: (problem.line or 0, problem.path))
        raise ConfigError(tuple(ordered), hint=_HINT)
    config = _resolved(written, interpolator, file)
    if not written.discover:
        return config
    return _with_found(config, written, interpolator, found, document)


def found_file(config: Config) -> Path:
    """The list of found databases of this machine."""
    return Path(f"{config.history.path}.found.json")


def _with_found(
    config: Config,
    written: ConfigFile,
    interpolator: Interpolator,
    text: str | None,
    document: Document,
) -> Config:
    rules = tuple(
        rule_of(rule, written.defaults, partial(_absolute, interpolator))
        for rule in written.discover
    )
    path = found_file(config)
    if text is None:
        text = read(path) if path.exists() else ""
    found = decode(text, str(path))
    more = list(found_targets(rules, found, config.targets))
    refuse_taken_names(config.targets, more, document.line, config.file)
    targets = with_tiers([*config.targets, *(target for _, target in more)], config.tiers)
    return config.model_copy(update={"rules": rules, "found": found, "targets": targets})


def _validated(document: Document) -> tuple[ConfigFile | None, list[ConfigFinding]]:
    normalised(document)
    findings = [*broken_rules(document)]
    written = None
    model = DiscoveringFile if document.data.get("discover") else ConfigFile
    try:
        written = model.model_validate(without_extensions(document.data))
    except ValidationError as exc:
        findings += findings_of(exc, model, document, leave_out=is_about_sources)
    consequences = document.broken
    own = [finding for finding in findings if finding.path not in consequences]
    return written, [*document.findings, *own]


def _problem(finding: ConfigFinding, document: Document, file: str) -> Problem:
    line = finding.line or document.line(finding.path)
    return Problem(message=finding.message, file=file, line=line, path=dotted(finding.path))


def _resolved(written: ConfigFile, interpolator: Interpolator, file: str) -> Config:
    absolute = partial(_absolute, interpolator)
    runner = _with_absolute(written.runner, absolute, "textfile")
    if runner.pages:
        pages = _with_absolute(runner.pages, absolute, "token_file")
        runner = runner.model_copy(update={"pages": pages})
    if runner.kubernetes:
        keys = ("job", "token_file", "ca_file")
        kubernetes = _with_absolute(runner.kubernetes, absolute, *keys)
        runner = runner.model_copy(update={"kubernetes": kubernetes})
    return Config.model_construct(  # of what was validated as `ConfigFile`
        version=written.version,
        defaults=written.defaults,
        postgres=_with_absolute(written.postgres, absolute, "bin_dir", "work_dir", "cache_dir"),
        scratch_servers=written.scratch_servers,
        notify=named(written.notify),
        report_url=written.report_url,
        runner=runner,
        opentelemetry=written.opentelemetry,
        audit=written.audit,
        sandbox=written.sandbox,
        aws=_with_absolute(written.aws, absolute, "ca_bundle"),
        tiers=written.tiers,
        targets=with_tiers(
            [resolved(target, written.defaults, absolute) for target in written.targets],
            written.tiers,
        ),
        history=History.model_construct(
            path=absolute(
                written.history.path or _state(written.history, interpolator.environment)
            ),
            url=written.history.url,
            host_timeout_seconds=written.history.host_timeout_seconds,
            keep_days=written.history.keep_days,
            sign=written.history.sign,
        ),
        file=file,
        secrets=interpolator.secrets,
        references=interpolator.references,
    )


def _absolute(interpolator: Interpolator, path: str) -> str:
    return str(interpolator.directory / expand_home(path, interpolator.environment))


def _with_absolute(section: Section, absolute: Callable[[str], str], *keys: str) -> Section:
    paths = {key: getattr(section, key) for key in keys}
    update = {key: absolute(path) for key, path in paths.items() if path is not None}
    return section.model_copy(update=update)


def _state(history: WrittenHistory, environment: Mapping[str, str]) -> str:
    base = environment.get("XDG_STATE_HOME", "")
    name = "history.sqlite"
    if history.url is not None:  # the drills of two histories have locks of their own
        server = parse_server_url(history.url.get_secret_value())
        name = f"history-{re.sub(r'[^A-Za-z0-9.-]', '-', server.server)}-{server.database}"
    # The XDG specification has relative values ignored.
    return f"{base if base.startswith('/') else '~/.local/state'}/restorecheck/{name}"
