"""The kinds of source, one file each: the keys, and the rules between them."""
