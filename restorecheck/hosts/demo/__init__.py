"""`restorecheck demo`: example nights on generated data."""
