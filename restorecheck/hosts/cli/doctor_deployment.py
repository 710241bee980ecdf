"""`restorecheck doctor --deployment STEP`: is what this step has made as it should be so far?

The first steps are made before there is a configuration; one that is there is used for what it says
to be ignored, and is compared with the one that the functions read.
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
"""Unused: each thing is read once."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.targets:
        message = "--deployment looks at no target; name none"
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
    """The one that is named, or found; None where none was named and none is there."""
    named = option is not None or VARIABLE in os.environ
    if not named and not Path(DEFAULT_NAME).exists():
        return None, None
    path = configuration.locate(option, os.environ)
    return path, configuration.load(path, os.environ)


def _is_sandbox(environment: Mapping[str, str]) -> bool:
    """Without a configuration, an endpoint on this machine is the sandbox's; no other one may be plain."""
    return is_loopback(urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname or "")
