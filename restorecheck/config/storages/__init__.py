"""Where dumps are kept, other than in a folder: the keys of each kind, listed in `registry.py`."""
