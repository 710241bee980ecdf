"""`restorecheck doctor`: before the first night, would a drill succeed? Changes nothing; makes only
a folder in the work directory, and removes it again.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from restorecheck.config import Config, Target
from restorecheck.config.files import MAX_BYTES, content_of
from restorecheck.config.sources.registry import KINDS
from restorecheck.errors import ConfigError, RestorecheckError, StoreError
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill.discovering import discover
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.process.console import use_color
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.token_file import token_of
from restorecheck.hosts.sources.server_settings import server_settings
from restorecheck.hosts.sources.source import Host, source_of
from restorecheck.ports import Clock
from restorecheck.postgres.dump.machine_facts import (
    changer_of,
    free_bytes,
    history_problem,
    is_open,
    work_dir_problem,
)
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.server.account import OsUser
from restorecheck.rules import machine, machine_readable, physical, text
from restorecheck.rules.catalogue import By, RuleSeverity
from restorecheck.rules.facts import MachineFacts
from restorecheck.rules.findings import Finding, ignoring, problems, unseen


def run(config: Config, path: Path, arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    targets = _chosen(config, arguments.targets)
    now = clock.now()
    host = Host(config=config, clock=clock)
    known = replace(machine_facts(config, path, clock), proven=_proven(config, targets))
    known = with_discovered(known, host)
    findings: list[Finding] = []
    for kind in KINDS:
        own = [target for target in targets if target.kind is kind]
        if own:
            source = source_of(kind)(host, own)
            known = source.facts(known)
            findings += source.findings(now)
    judged = (*machine.judge(known, now), *physical.judge(known, now), *findings)
    return answer(config, judged, By.DOCTOR, arguments, now)


def with_discovered(known: MachineFacts, host: Host) -> MachineFacts:
    """The facts, with what `discover` finds now. Stores nothing."""
    if not host.config.rules:
        return known
    seen = discover(host)
    there = [one.identifier for one in seen.looked.found if one.gone_at is None]
    return replace(
        known,
        discovered=tuple(there),
        undiscovered=tuple(one.identifier for one in seen.looked.new),
        discovery_problems=seen.problems,
    )


def answer(
    config: Config | None,
    found: Sequence[Finding],
    by: By,
    arguments: argparse.Namespace,
    now: datetime,
) -> int:
    """Print or write the findings in the chosen format; returns the exit code."""
    ignores = [item.ignore() for item in config.audit.ignore] if config else []
    findings = ignoring(found, ignores, now.date())
    with writing(arguments.output) as stream:
        match arguments.format:
            case "json":
                stream.write(machine_readable.as_json(findings, by))
            case "sarif":
                stream.write(machine_readable.as_sarif(findings, by))
            case "junit":
                stream.write(machine_readable.as_junit(findings, by, now))
            case _:
                color = stream is sys.stdout and use_color(sys.stdout)
                stream.write(text.render(findings, by, color=color))
    if problems(findings, RuleSeverity(arguments.fail_on)):
        return Exit.FAILED
    return Exit.INCONCLUSIVE if unseen(findings) else Exit.VERIFIED


def _chosen(config: Config, names: Sequence[str]) -> list[Target]:
    """The targets of these names; without names all targets.

    Raises:
        ConfigError: No target has one of the names.
    """
    known = {target.name: target for target in config.targets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(tuple(unknown_target(name, list(known)) for name in unknown))
    return [known[name] for name in names] or list(config.targets)


def _proven(config: Config, targets: Sequence[Target]) -> dict[str, str]:
    """Target → address of its newest verified backup; a missing history is not created."""
    from restorecheck.hosts.cli.opened_history import opened

    found: dict[str, str] = {}
    if config.history.url is None and not Path(config.history.path).exists():
        return found
    with contextlib.suppress(RestorecheckError), opened(config) as store:
        for target in targets:
            proven = store.standing(target.name).proven
            drill = store.load(proven.drill_id) if proven else None
            if drill is not None and drill.backup is not None:
                found[target.name] = drill.backup.identifier
    return found


# --- this machine ------------------------------------------------------------------------------


def machine_facts(config: Config, path: Path, clock: Clock) -> MachineFacts:
    """Facts of this machine that do not depend on its targets."""
    server = server_settings(config)
    account, account_problem = _account(server)
    changer = changer_of(path)
    token_file = (config.runner.pages and config.runner.pages.token_file) or ""
    return MachineFacts(
        history=config.history.path if config.history.url is None else "history.url",
        history_problem=_history_problem(config),
        work_dir=str(server.work_dir),
        work_dir_problem=work_dir_problem(server.work_dir, account),
        free_bytes=free_bytes(server.work_dir),
        account=account.name if account else "",
        account_problem=account_problem,
        config_file=str(path),
        config_is_open=is_open(path),
        config_holds_secrets=holds_secrets(config, path),
        config_changer=changer.who if changer else "",
        config_change_at=changer.place if changer else "",
        config_changer_owns_it=changer.by_owning if changer else False,
        channels=len(config.notify),
        channel_problem=_channel_problem(config, clock),
        pages=config.runner.pages_at or "",
        token_file=token_file,
        token_problem=_token_problem(token_file),
        token_is_open=bool(token_file) and is_open(Path(token_file)),
    )


def _history_problem(config: Config) -> str:
    if config.history.url is None:
        return history_problem(Path(config.history.path))
    try:
        open_history(config.history).close()
    except StoreError as exc:
        return f"{exc.message}. {exc.hint}"
    return ""


def _token_problem(file: str) -> str:
    try:
        if file:
            token_of(file)
    except ConfigError as exc:
        return exc.problems[0].message
    return ""


def _account(server: ServerSettings) -> tuple[OsUser | None, str]:
    try:
        return server.account(), ""
    except RestorecheckError as exc:
        return None, exc.message


def holds_secrets(config: Config, path: Path) -> bool:
    """Whether the file contains a URL that is a secret.

    Passwords of databases do not: the configuration refuses them. An external id is no secret (IAM
    User Guide, "Access to AWS accounts owned by third parties").
    """
    words = [secret.get_secret_value() for channel in config.notify for secret in channel.secrets]
    with contextlib.suppress(OSError):
        written = content_of(path, MAX_BYTES).decode(errors="replace")
        return any(word in written for word in words)
    return False


def _channel_problem(config: Config, clock: Clock) -> str:
    if not config.notify:
        return ""
    from restorecheck.hosts.notifying.channels import lines_of

    try:
        lines_of(config, clock)
    except RestorecheckError as exc:
        return exc.message
    return ""
