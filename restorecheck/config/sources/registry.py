"""All kinds of source. Nothing else lists them."""

from typing import Any

from restorecheck.config.sources.adopt import ADOPT
from restorecheck.config.sources.aurora import AURORA
from restorecheck.config.sources.dump import DUMP
from restorecheck.config.sources.kind import SourceKind
from restorecheck.config.sources.physical import PHYSICAL
from restorecheck.config.sources.rds import RDS

KINDS: tuple[SourceKind[Any], ...] = (DUMP, PHYSICAL, RDS, AURORA, ADOPT)
