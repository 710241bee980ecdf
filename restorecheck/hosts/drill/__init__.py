"""A drill on a host that may wait: its settings, its loop, what is known of earlier nights."""
