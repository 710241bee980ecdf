"""Ways to tell somebody: web hooks, dead man's switches, and whatever Apprise knows."""
