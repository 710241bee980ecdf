"""`restorecheck conformance`: tests undocumented behaviour in two real accounts, and records the answers."""
