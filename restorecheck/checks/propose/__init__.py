"""Proposes checks that a database passes. Pure."""
