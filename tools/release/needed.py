"""Which pins an installation needs: `python3 tools/release/needed.py constraints.txt report.json`.

`report.json` is what `pip install --dry-run --report` says. The blocks of the pins with these names and versions,
with their hashes, are printed: a file for `pip install --no-deps --require-hashes`.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path


def blocks(pins: str) -> Iterator[tuple[str, str]]:
    """`NAME==VERSION` and the whole block of it, of each pin."""
    for block in re.split(r"\n(?=\S)", pins.strip()):
        yield block.split()[0], block


def needed(pins: str, report: str) -> str:
    """Raises ValueError: something would be installed that is not pinned."""
    wanted = {
        f"{re.sub('[-_.]+', '-', item['metadata']['name']).lower()}=={item['metadata']['version']}"
        for item in json.loads(report)["install"]
        if item["metadata"]["name"] != "restorecheck"
    }
    found = {name: block for name, block in blocks(pins) if name in wanted}
    if missing := wanted - found.keys():
        raise ValueError(f"not pinned: {', '.join(sorted(missing))}")
    return "\n".join(found[name] for name in sorted(found)) + "\n"


if __name__ == "__main__":
    print(needed(*(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3])), end="")
