"""Storages of dumps other than a folder: the keys of each kind, listed in `registry.py`."""
