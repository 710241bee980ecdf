"""Channels: web hooks, dead man's switches, and the services of Apprise."""
