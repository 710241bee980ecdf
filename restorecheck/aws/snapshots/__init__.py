"""From an automated snapshot to a temporary instance, and everything away again."""
