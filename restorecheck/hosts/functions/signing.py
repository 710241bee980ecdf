"""Signs the reports of a deployment with the key of KMS in `history.sign`."""

import structlog

from restorecheck.errors import RestorecheckError
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.hosts.functions.surroundings import FunctionContext

log = structlog.get_logger("restorecheck.signing")


def sign(around: FunctionContext) -> None:
    """Sign what is not signed yet. Raises nothing: the next report tries again."""
    try:
        config = around.config()
        if config.history.sign is None:
            return
        scribe = scribe_of(config, around.clock, kms=around.client("kms"))
        if scribe is not None:
            scribe.catch_up(around.store.proofs)
    except RestorecheckError as exc:
        log.warning("signing.failed", why=exc.message)
