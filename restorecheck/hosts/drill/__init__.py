"""A drill on a host that may wait: its wiring, its loop, its slots, the state of its target."""
