"""An in-memory world in which time passes and hosts die only on request.

It is product code, for the tests of providers and hosts.
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
