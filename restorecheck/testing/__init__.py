"""An in-memory world in which time passes only when told and hosts die on request.

It is product code: whoever writes a provider or a host tests it against this world.
"""

from restorecheck.testing.world import (
    HostDied,
    MemoryStore,
    World,
    WorldChecker,
    WorldInventory,
    WorldProvider,
)

__all__ = ["HostDied", "MemoryStore", "World", "WorldChecker", "WorldInventory", "WorldProvider"]
