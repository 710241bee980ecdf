"""Which names of a storage the configured path matches. Pure."""

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath


def fixed_part(pattern: str) -> str:
    """The beginning of every match: `shop/20*/x.dump` → `shop/20`."""
    found = re.search(r"[*?[]", pattern)
    return pattern[: found.start()] if found else pattern


def is_match(name: str, pattern: str) -> bool:
    """As a shell matches: `*` does not match a slash.

    A pattern that ends with a slash, or is empty, names a folder: its files, and its folders that are dumps in
    pg_dump's directory format. If such a folder matches, its files match, too.
    """
    parts = PurePosixPath(name).parts
    wanted = PurePosixPath(pattern or ".").parts
    if not pattern or pattern.endswith("/"):
        wanted = (*wanted, "*")
    if len(parts) not in {len(wanted), len(wanted) + 1}:
        return False
    return all(fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=False))
