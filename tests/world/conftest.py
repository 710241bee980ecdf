"""Cells whose answer is wrong today stand in `wrong_today.txt`; one that is mended must leave it.

What belongs there: `pytest tests/world --runxfail -q -rf | sed -n 's/^FAILED [^:]*:://p' | sed 's/ - .*Error.*//'`.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIST = HERE / "wrong_today.txt"


def pytest_collection_modifyitems(items):
    wrong = set(LIST.read_text().splitlines()) if LIST.exists() else set()
    for item in items:
        if item.path.parent == HERE and item.name in wrong:
            item.add_marker(pytest.mark.xfail(strict=True, reason="wrong today"))
