"""`restorecheck doctor --deployment STEP`: did this step of the deployment make everything right?

The first steps come before the configuration. A configuration is used for its `ignore` list, and
compared with the one that the functions read.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from restorecheck import config as configuration
from restorecheck.aws.facts.deployment import backup_facts, own_account, source_facts
from restorecheck.aws.session.accounts import Account, Accounts, is_loopback
from restorecheck.config import Config
from restorecheck.config.files import DEFAULT_NAME, MAX_BYTES, VARIABLE, content_of
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.cli.doctor import answer
from restorecheck.hosts.clock import SystemClock
from restorecheck.rules import deployment
from restorecheck.rules.catalogue import By
from restorecheck.rules.findings import Finding

TICK = timedelta(seconds=15)
"""Not used: each fact is read once."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.targets:
        message = "--deployment checks no target: leave out the names of targets"
        raise ConfigError((Problem(message=message),))
    path, config = _configuration(arguments.config)
    clock = SystemClock()
    sandbox = config.sandbox if config else _is_sandbox(os.environ)
    account = own_account(Accounts(clock=clock, tick=TICK, sandbox=sandbox), None)
    found = list(_findings(account, arguments.deployment, path))
    return answer(config, found, By.DOCTOR, arguments, clock.now())


def _findings(account: Account, part: str, path: Path | None) -> Iterator[Finding]:
    if part == "source":
        yield from deployment.judge_source(source_facts(account))
        return
    at_hand = content_of(path, MAX_BYTES) if path else None
    facts = backup_facts(account, at_hand)
    yield from deployment.judge_backup(facts, "" if part == "all" else part)


def _configuration(option: str | None) -> tuple[Path | None, Config | None]:
    """The given configuration, or the one in the default place; None: there is none."""
    named = option is not None or VARIABLE in os.environ
    if not named and not Path(DEFAULT_NAME).exists():
        return None, None
    path = configuration.locate(option, os.environ)
    return path, configuration.load(path, os.environ)


def _is_sandbox(environment: Mapping[str, str]) -> bool:
    """Without a configuration, an endpoint on this machine is the sandbox; any other must use https."""
    return is_loopback(urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname or "")
