"""`restorecheck doctor`: before the first night, would a drill succeed? Nothing is changed, and
nothing made but a folder in the work directory that is removed again.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.config import Config, Dump, Target
from restorecheck.config.files import MAX_BYTES, content_of
from restorecheck.errors import ConfigError, RestorecheckError
from restorecheck.hosts import wiring
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock, new_drill_id, sleep
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.process.console import use_color
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.ports import Clock
from restorecheck.postgres.dump import preview
from restorecheck.postgres.dump.machine_facts import (
    changer_of,
    examine_dump,
    free_bytes,
    history_problem,
    is_open,
    work_dir_problem,
)
from restorecheck.postgres.dump.scratch_server import ScratchServer
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.fence import WALLS
from restorecheck.postgres.server.processes import missing_walls
from restorecheck.rules import machine, machine_readable, readiness, text
from restorecheck.rules.catalogue import By, RuleSeverity
from restorecheck.rules.facts import DumpFacts, MachineFacts, Preview, Unread
from restorecheck.rules.findings import Finding, ignoring, problems, unseen

if TYPE_CHECKING:
    from restorecheck.rules.facts import RdsFacts


def run(config: Config, path: Path, arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    targets = _chosen(config, arguments.targets)
    now = clock.now()
    findings = [*machine.judge(machine_facts(config, path, targets, clock), now)]
    for facts in rds_facts(config, targets, clock):
        findings += readiness.judge(facts, now)
    return answer(config, findings, By.DOCTOR, arguments, now)


def answer(
    config: Config | None,
    found: Sequence[Finding],
    by: By,
    arguments: argparse.Namespace,
    now: datetime,
) -> int:
    """Print or write them in the format that was asked for; the exit code that they make."""
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
    """The targets of these names; all of them where none is given.

    Raises:
        ConfigError: There is none of a name.
    """
    known = {target.name: target for target in config.targets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(tuple(unknown_target(name, list(known)) for name in unknown))
    return [known[name] for name in names] or list(config.targets)


# --- this machine ------------------------------------------------------------------------------


def machine_facts(
    config: Config, path: Path, targets: Sequence[Target], clock: Clock
) -> MachineFacts:
    server = wiring.server_settings(config)
    account, account_problem = _account(server)
    is_in_aws = any(target.is_in_aws for target in targets)
    has_dumps = any(target.dump is not None for target in targets) and not account_problem
    changer = changer_of(path)
    return MachineFacts(
        history=config.history.path,
        history_problem=history_problem(Path(config.history.path)),
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
        missing_walls=tuple(WALLS[wall] for wall in missing_walls()) if has_dumps else (),
        channels=len(config.notify),
        channel_problem=_channel_problem(config, clock),
        bundle=(config.aws.ca_bundle or "") if is_in_aws else "",
        bundle_problem=_bundle_problem(config, clock) if is_in_aws else "",
        dumps=() if account_problem else tuple(_dumps(targets, server, clock)),
        # Of RDS targets the schedule may be EventBridge's.
        unscheduled=tuple(t.name for t in targets if t.schedule is None and t.dump is not None),
    )


def _account(server: ServerSettings) -> tuple[OsUser | None, str]:
    try:
        return server.account(), ""
    except RestorecheckError as exc:
        return None, exc.message


def _dumps(targets: Sequence[Target], server: ServerSettings, clock: Clock) -> Iterator[DumpFacts]:
    for target in targets:
        if target.dump is not None:
            settings = wiring.dump_settings(target, target.dump)
            facts = examine_dump(
                target.name, settings, server, restores_here=target.dump.into is None
            )
            yield replace(facts, preview=_preview(facts, target.dump, settings, server, clock))


def _preview(
    facts: DumpFacts, dump: Dump, settings: DumpSettings, server: ServerSettings, clock: Clock
) -> Preview | Unread:
    """As the drill would begin; where the machine itself is not ready, other rules say so."""
    if facts.problem or not facts.decrypt_found:
        return Unread("a dump that can be read", "see RC102 and RC105")
    if isinstance(facts.majors, Unread):
        return Unread("PostgreSQL's programs", "see RC101")
    if work_dir_problem(server.work_dir, server.account()):
        return Unread("the work directory", "see RC108")
    scratch = ScratchServer.of_url(dump.into.get_secret_value()) if dump.into else None
    host = preview.Host(clock, sleep, new_drill_id(clock.now()))
    return preview.preview(settings, server, scratch, host)


def holds_secrets(config: Config, path: Path) -> bool:
    """Whether a URL that is a password stands in the file as it is.

    Passwords of databases do not: the configuration refuses them. An external id is no secret (IAM
    User Guide, "Access to AWS accounts owned by third parties").
    """
    words = [
        secret.get_secret_value()
        for channel in config.notify
        for secret in (
            channel.apprise,
            channel.webhook and channel.webhook.url,
            channel.webhook and channel.webhook.secret,
            channel.ping and channel.ping.url,
        )
        if secret
    ]
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


def _bundle_problem(config: Config, clock: Clock) -> str:
    from restorecheck.hosts import rds

    try:
        rds.check_bundle(config.aws.ca_bundle)
    except ConfigError as exc:
        return exc.message
    from restorecheck.postgres.session.tls import expired

    assert config.aws.ca_bundle is not None, "checked above"
    return expired(Path(config.aws.ca_bundle), clock.now())


# --- AWS ---------------------------------------------------------------------------------------


def rds_facts(config: Config, targets: Sequence[Target], clock: Clock) -> "Iterator[RdsFacts]":
    if not any(target.rds for target in targets):
        return
    from restorecheck.aws.facts.rds_target import copies_planned, examine
    from restorecheck.hosts import rds

    accounts = rds.accounts_of(config, clock)
    every = [rds.settings_of(config, target) for target in config.targets if target.rds]
    for target in targets:
        if target.rds is not None:
            settings = rds.settings_of(config, target)
            yield examine(settings, accounts, planned=copies_planned(every, settings))
