"""The machine as a whole: every operation by its name."""

from restorecheck.simulated.clusters import Clusters
from restorecheck.simulated.evidence import Evidence
from restorecheck.simulated.families import CLUSTERS
from restorecheck.simulated.instances import Instances
from restorecheck.simulated.snapshots import Snapshots
from restorecheck.simulated.state import Operation, State


class SimulatedRds:
    """One RDS: all accounts, all regions."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.snapshots = Snapshots(state)
        self.instances = Instances(state, self.snapshots)
        self.cluster_snapshots = Snapshots(state, CLUSTERS)
        self.clusters = Clusters(state, self.cluster_snapshots, self.instances)
        self._operations: dict[str, Operation] = {
            **self.snapshots.operations(),
            **self.instances.operations(),
            **self.cluster_snapshots.operations(),
            **self.clusters.operations(),
            **Evidence(state).operations(),
        }

    def operation(self, name: str) -> Operation | None:
        return self._operations.get(name)
