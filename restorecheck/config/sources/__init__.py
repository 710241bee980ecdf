"""The kinds of source that a target can have, one file each: its keys, and the rules between them."""
