"""Profiles a database, for proposals of checks."""
