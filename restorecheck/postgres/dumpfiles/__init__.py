"""Reads dump files without a server: their kind, whether they are complete, what they need."""
