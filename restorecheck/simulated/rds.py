"""The machine as a whole: every operation by its name."""

from restorecheck.simulated.evidence import Evidence
from restorecheck.simulated.instances import Instances
from restorecheck.simulated.snapshots import Snapshots
from restorecheck.simulated.state import Operation, State


class SimulatedRds:
    """One RDS: all accounts, all regions."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.snapshots = Snapshots(state)
        self.instances = Instances(state, self.snapshots)
        self._operations: dict[str, Operation] = {
            **self.snapshots.operations(),
            **self.instances.operations(),
            **Evidence(state).operations(),
        }

    def operation(self, name: str) -> Operation | None:
        return self._operations.get(name)
