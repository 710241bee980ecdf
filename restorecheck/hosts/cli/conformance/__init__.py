"""`restorecheck conformance`: asks two real accounts what nobody knows, and records the answers."""
