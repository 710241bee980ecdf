"""Kinds of physical backup: how each lists, restores and fetches WAL; one file for each kind, its keys in `config/physical/`."""
