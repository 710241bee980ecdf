"""What can be tried on a backup that is read in no time."""

import tempfile
from pathlib import Path

import pytest

from tests.places import SHORT
from tests.toys.library import Library


@pytest.fixture
def library():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        yield Library(Path(name))
