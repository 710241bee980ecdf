"""`restorecheck audit`: how exposed is production now? Changes nothing."""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from restorecheck.config import Config
from restorecheck.config.sources.registry import KINDS
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.cli.doctor import answer
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.sources.source import Host, source_of
from restorecheck.ports import Clock
from restorecheck.rules import exposure, terraform
from restorecheck.rules.catalogue import By
from restorecheck.rules.facts import AccountFacts
from restorecheck.rules.findings import Finding

if TYPE_CHECKING:
    from restorecheck.hosts.sources.rds import SnapshotSource

TERRAFORM_FILES = "*.tf"


def run(config: Config, arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    now = clock.now()
    if arguments.only_terraform and not arguments.terraform:
        raise ConfigError((Problem(message="--only-terraform goes with --terraform FILE"),))
    findings: list[Finding] = []
    # The files first: their errors are found without AWS.
    findings += terraform_findings(arguments.terraform, arguments.terraform_files)
    if not arguments.only_terraform:
        for facts in account_facts(config, clock):
            findings += exposure.judge(facts, now)
    return answer(config, findings, By.AUDIT, arguments, now)


def account_facts(config: Config, clock: Clock) -> list[AccountFacts]:
    """Raises ConfigError where no target names a source account."""
    targets = [target for target in config.targets if target.kind.from_account]
    if not targets:
        kinds = " or ".join(kind.key for kind in KINDS if kind.from_account)
        message = f"no target of kind {kinds}: there is no source account to audit"
        hint = "Add one (docs/how-to/rds.md), or give --only-terraform."
        raise ConfigError((Problem(message=message),), hint=hint)
    from restorecheck.aws.facts.source_account import Audited, audit
    from restorecheck.hosts.sources.in_aws import accounts_of

    host = Host(config=config, clock=clock)
    sources = {target.kind.key: source_of(target.kind)(host) for target in targets}
    proven = _proven(config, [target.name for target in targets])
    audited = [
        Audited(
            settings=cast("SnapshotSource[Any]", sources[target.kind.key]).settings_of(target),
            max_proof_age=timedelta(hours=target.max_proof_age_hours),
            proven_at=proven.get(target.name),
        )
        for target in targets
    ]
    return audit(audited, accounts_of(config, clock))


def _proven(config: Config, names: Sequence[str]) -> dict[str, datetime]:
    """Start of each target's newest verified drill; a missing history is not created."""
    from restorecheck.hosts.cli.opened_history import opened

    if config.history.url is None and not Path(config.history.path).exists():
        return {}
    with opened(config) as store:
        standings = {name: store.standing(name).proven for name in names}
    return {name: proven.started_at for name, proven in standings.items() if proven}


# --- Terraform -----------------------------------------------------------------------------------


def terraform_findings(files: Sequence[str], folders: Sequence[str]) -> Iterator[Finding]:
    """Raises ConfigError: a file is not Terraform's or cannot be read."""
    blocks = [block for folder in folders for block in _blocks(Path(folder))] if folders else None
    for name in files:
        document = _document(Path(name))
        try:
            databases = terraform.databases_in(document)
        except (terraform.NotTerraformError, KeyError, TypeError, AttributeError) as exc:
            message = (
                f"{name} is neither a terraform.tfstate of version 4 "
                "nor what `terraform show -json` prints"
            )
            raise ConfigError((Problem(message=message),)) from exc
        yield from terraform.judge(databases, blocks)


def _document(path: Path) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        message = f"{path} cannot be read: {exc.strerror}"
    except (ValueError, RecursionError):
        message = f"{path} is not JSON; print a plan file with `terraform show -json FILE`"
    raise ConfigError((Problem(message=message),))


def _blocks(folder: Path) -> Iterator[terraform.Block]:
    try:
        import hcl2
    except ImportError as exc:
        message = "--terraform-files needs python-hcl2"
        hint = "pip install 'restorecheck[terraform]'"
        raise ConfigError((Problem(message=message),), hint=hint) from exc
    paths = sorted(folder.rglob(TERRAFORM_FILES))
    if not paths:
        raise ConfigError((Problem(message=f"there is no .tf file in {folder}"),))
    for path in paths:
        try:
            with path.open(encoding="utf-8") as stream:
                parsed = hcl2.load(stream)
        except OSError as exc:
            message = f"{path} cannot be read: {exc.strerror}"
            raise ConfigError((Problem(message=message),)) from exc
        except Exception as exc:  # the parser's own, of many kinds
            message = f"{path} could not be read by the HCL parser"
            raise ConfigError((Problem(message=message),)) from exc
        yield from terraform.blocks_in(parsed)
