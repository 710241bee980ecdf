"""Which version is next, and what a refused upgrade says."""

import pytest

from restorecheck.aws.snapshots.upgrades import next_major, reasons


def to(version, *, major=True):
    return {"EngineVersion": version, "IsMajorVersionUpgrade": major}


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        ([], ""),
        ([to("16.9", major=False)], ""),
        ([to("18.1"), to("17.9"), to("17.10"), to("16.11", major=False)], "17.10"),
        ([to("12.22-rds.20250220"), to("12.22-rds.20250508"), to("13.20")], "12.22-rds.20250508"),
        ([to("9.6.24"), to("10.21")], "9.6.24"),
        ([{"EngineVersion": "17.1"}], ""),
    ],
)
def test_the_newest_version_of_the_lowest_later_major_is_chosen(targets, chosen):
    assert next_major(targets) == chosen


PRECHECK = """\
------------------------------------------------------------------------
Upgrade could not be run on Mon Nov 30 12:03:29 2026
------------------------------------------------------------------------
The instance could not be upgraded from 16.8 to 17.6 because of following reasons.
- The instance has one or more logical replication slots.
----------------------- END OF LOG ----------------------
"""
INTERNAL = """\
Performing Consistency Checks
-----------------------------
Checking cluster versions                    ok
Checking for prepared transactions           fatal

The source cluster contains prepared transactions
"""


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (
            PRECHECK,
            [
                "The instance could not be upgraded from 16.8 to 17.6 because of following reasons.",
                "- The instance has one or more logical replication slots.",
            ],
        ),
        (
            INTERNAL,
            [
                "Checking for prepared transactions fatal",
                "The source cluster contains prepared transactions",
            ],
        ),
        ("Checking cluster versions   ok\nUpgrade Complete\n", []),
        ("", []),
    ],
)
def test_a_log_is_read_from_its_first_complaint_on(log, found):
    assert reasons(log) == found
