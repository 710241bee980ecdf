"""The started runs of this machine, recorded before the first effect: so the resources of a killed run
are found at once, not only when their tags have expired.
"""

from collections.abc import Collection
from pathlib import Path

from restorecheck.errors import BusyError, StoreError
from restorecheck.hosts.process.leases import Lease

LOCK = "conformance.lock"
SUFFIX = ".conformance"


class Journal:
    """Beside the locks of a history."""

    def __init__(self, locks: Path) -> None:
        self._locks = locks

    def lease(self) -> Lease:
        """Held by a run while it lives; one run at a time."""
        return Lease(self._locks / LOCK, permanent=True)

    def begin(self, run_id: str) -> None:
        try:
            (self._locks / f"{run_id}{SUFFIX}").touch(mode=0o600)
        except OSError as exc:
            raise StoreError(f"could not write to {self._locks}: {exc.strerror}") from exc

    def end(self, run_id: str) -> None:
        (self._locks / f"{run_id}{SUFFIX}").unlink(missing_ok=True)

    def begun(self) -> list[str]:
        """Runs that have not ended; for the holder of the lease all of them are dead."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self._locks.glob(f"*{SUFFIX}"))

    def dead(self) -> Collection[str]:
        """Drill ids of resources whose run is dead; empty while a run is alive."""
        if not self.begun():
            return frozenset()
        try:
            with self.lease():
                return frozenset(i for run in self.begun() for i in (run, f"{run}-2"))
        except BusyError:
            return frozenset()
