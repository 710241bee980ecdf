"""From an automated snapshot to a temporary instance, and its teardown."""
