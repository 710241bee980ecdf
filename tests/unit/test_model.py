"""What a drill tells of itself."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import BACKUP, NOW, drill


@pytest.mark.parametrize(
    ("backup", "until"),
    [
        (BACKUP, NOW - timedelta(hours=3)),
        (replace(BACKUP, taken_at=None), NOW),
        (None, NOW),
    ],
)
def test_a_backup_holds_data_until_it_was_taken_and_at_most_until_the_drill_began(backup, until):
    assert drill(backup=backup).data_until == until
