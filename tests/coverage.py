"""What the tests of a run pass through of the pure rooms: lines and branches (`make coverage`).

Each process of a run measures itself from the first import of this file on. Programs that tests start are not
measured: what only an installed command passes through counts as left out.
"""

import os
import sys
from pathlib import Path

from coverage import Coverage

FOLDER = os.environ.get("RESTORECHECK_COVERAGE", "")
"""Where the processes leave what they measured. Empty: nothing is measured."""
LEAST = 99.9
"""Percent of lines and branches; `python -m tests.coverage` exits with 2 where a run has less. `tests/unit` alone has all
of them, and `make test` leaves none of `tests/unit` out: a line that only a slow test passes through lacks a narrow one.
"""


def _coverage() -> Coverage:
    """With the rooms that pyproject.toml names."""
    return Coverage(data_file=str(Path(FOLDER) / "measured"), data_suffix=True)


def _started() -> Coverage | None:
    if not FOLDER or __name__ == "__main__":
        return None
    measured = _coverage()
    measured.start()
    return measured


MEASURED = _started()


def save() -> None:
    if MEASURED is not None:
        MEASURED.stop()
        MEASURED.save()


def main() -> int:
    total = _coverage()
    total.combine([FOLDER], keep=True)
    ours = str(Path(__file__).parents[1] / "restorecheck" / "*")  # tests measure copies of it, too
    return 0 if total.report(include=[ours]) >= LEAST else 2


if __name__ == "__main__":
    sys.exit(main())
