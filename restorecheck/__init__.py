"""Prove, every night, that a database backup restores."""

__version__ = "0.2.0"
