"""All kinds of physical backup. Nothing else lists them."""

from typing import Any

from restorecheck.config.physical.barman import BARMAN
from restorecheck.config.physical.basebackup import BASEBACKUP
from restorecheck.config.physical.kind import PhysicalKind
from restorecheck.config.physical.pgbackrest import PGBACKREST
from restorecheck.config.physical.walg import WALG

PHYSICAL_KINDS: tuple[PhysicalKind[Any], ...] = (BARMAN, BASEBACKUP, PGBACKREST, WALG)
