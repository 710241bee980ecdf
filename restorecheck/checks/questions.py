"""Keys, or prefixes of keys, of the questions that no scan of one table answers."""

ORPHANS, KEYS, BEHIND = "orphans:", "keys:", "behind:"
BTREE, HEAP, VISIBLE = "btree:", "heap:", "visible:"
EXCLUDED = "excluded:"
LARGE_OBJECTS, LARGE_CONTENTS = "large objects", "contents of large objects"
INVALID, COLLATIONS, AGE = "invalid indexes", "collations", "transaction ids"
