"""The keys of each kind of physical backup."""
