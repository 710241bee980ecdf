"""Damages a throw-away server on purpose, to see which checks detect it."""
