"""When a dump was taken: what a name, a line or a header says, and when the file's time counts."""

from datetime import UTC, datetime, timedelta

import pytest

from restorecheck.postgres.dumpfiles import timestamps
from restorecheck.postgres.dumpfiles.timestamps import (
    FILE_TIME,
    HEADER,
    NAME,
    STARTED_ON,
    header_claim,
    name_claim,
    started_claim,
    when_taken,
)
from tests.factories import NOW

HOUR = timedelta(hours=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("shop-2026-11-28T030000Z.dump", "2026-11-28 03:00:00"),
        ("20261128T030000Z-shop.sql.gz", "2026-11-28 03:00:00"),
        ("shop-2026-11-28T03:00:00+01:00.sql", "2026-11-28 02:00:00"),
        ("1795400000_shop.tar", "2026-11-23 02:13:20"),
        ("1795400000_2026_11_23_17.5.0_backup.tar", "2026-11-23 02:13:20"),
    ],
)
def test_a_name_with_a_zone_says_the_moment(name, moment):
    claim = name_claim(name)

    assert claim is not None
    assert (claim.at, claim.earliest, claim.latest) == (at(moment),) * 3


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("shop_2026-11-28_03-00.sql", "2026-11-28 03:00:00"),
        ("shop.2026-11-28_030001.sql.zst", "2026-11-28 03:00:01"),
        ("shop_20261128030000.dump", "2026-11-28 03:00:00"),
        ("shop_2026-11-28_03h00m.Monday.sql.gz", "2026-11-28 03:00:00"),
        ("shop-2026-11-28.sql.gz", "2026-11-28 23:59:59"),
        ("20261128.dump", "2026-11-28 23:59:59"),
    ],
)
def test_a_name_without_a_zone_says_it_within_a_day(name, moment):
    claim = name_claim(name)

    assert claim is not None
    assert claim.at == at(moment)
    assert claim.earliest < claim.at < claim.latest


@pytest.mark.parametrize(
    "name",
    [
        "shop.sql",
        "shop-28-11-2026.sql",  # the day or the month may stand first
        "shop-11282026.sql",
        "orders-2024-01-01-to-2026-11-28.sql",
        "shop-2026-13-01.sql",
        "shop-2026-02-30.sql",
        "invoice12026112800.sql",
        "shop-v17.5.dump",
    ],
)
def test_a_name_that_may_mean_two_days_says_nothing(name):
    assert name_claim(name) is None


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 3), ("CET", 2), ("CEST", 1), ("EST", 8), ("+0530", -2.5), ("-03", 6)]
)
def test_the_first_lines_of_a_verbose_dump_say_the_moment(zone, hour):
    head = f"--\n-- PostgreSQL database dump\n--\n\n-- Started on 2026-11-28 03:00:00 {zone}\n"

    claim = started_claim(head.encode())

    assert claim is not None
    assert claim.at == claim.latest == at("2026-11-28") + hour * HOUR


@pytest.mark.parametrize("zone", ["IST", "CST", ""])
def test_a_zone_that_stands_for_several_leaves_doubt(zone):
    claim = started_claim(f"-- Started on 2026-11-28 03:00:00 {zone}\n".encode())

    assert claim is not None
    assert claim.earliest < at("2026-11-28 03:00:00") < claim.latest


@pytest.mark.parametrize(
    ("modified", "claim", "told", "source"),
    [
        # A copy of last week's dump under tonight's name.
        (NOW, timestamps.without_zone(NOW - 168 * HOUR, HEADER), NOW - 168 * HOUR, HEADER),
        (NOW, timestamps.without_zone(NOW - 168 * HOUR, NAME), NOW - 168 * HOUR, NAME),
        (NOW, timestamps.exactly(NOW - 3 * HOUR, STARTED_ON), NOW - 3 * HOUR, STARTED_ON),
        # A difference of zones.
        (NOW, timestamps.without_zone(NOW + 5 * HOUR, HEADER), NOW, FILE_TIME),
        (NOW - HOUR, timestamps.without_zone(NOW - 12 * HOUR, HEADER), NOW - HOUR, FILE_TIME),
        # An old file under tonight's name: it holds nothing that is later than its last change.
        (NOW - 168 * HOUR, timestamps.without_zone(NOW, NAME), NOW - 168 * HOUR, FILE_TIME),
        # The clock of a file server is wrong, or a file system keeps no times.
        (NOW + 9000 * HOUR, timestamps.without_zone(NOW - HOUR, HEADER), NOW - HOUR, HEADER),
        (at("1970-01-01"), timestamps.without_zone(NOW - HOUR, HEADER), NOW - HOUR, HEADER),
    ],
)
def test_the_dump_is_believed_before_the_name_and_the_file(modified, claim, told, source):
    taken = when_taken(modified, claim, NOW)

    assert (taken.at, taken.source) == (told, source)


@pytest.mark.parametrize(
    ("modified", "claim", "future"),
    [
        (NOW + HOUR, None, False),
        (NOW + 2 * HOUR, None, True),
        (NOW, header_claim((NOW + 14 * HOUR).replace(tzinfo=None)), False),
        (NOW, header_claim((NOW + 8098 * HOUR).replace(tzinfo=None)), True),
        (NOW, name_claim(f"shop-{NOW + 8098 * HOUR:%Y-%m-%d}.sql"), True),
        (NOW + 8098 * HOUR, header_claim((NOW + 8098 * HOUR).replace(tzinfo=None)), True),
        (NOW + 8098 * HOUR, timestamps.exactly(NOW + 3 * HOUR, STARTED_ON), True),
    ],
)
def test_what_no_time_zone_explains_is_from_the_future(modified, claim, future):
    assert timestamps.is_from_the_future(when_taken(modified, claim, NOW), NOW) is future


def test_a_day_that_is_not_over_is_no_future():
    claim = name_claim(f"shop-{NOW:%Y-%m-%d}.sql")

    assert when_taken(at("1970-01-01"), claim, NOW).at == NOW


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("shop-2026-11-28_03-00.sql.gz", "shop"),
        ("daily-2026-11-28.sql", ""),
        ("2026-11-28-weekly-shop.dump", "shop"),
        ("shop.prod-1795400000.dump.zst.age", "shop-prod"),
        ("shop.3.sql", "shop"),
        ("20261128.sql", ""),
    ],
)
def test_what_is_left_of_a_name_names_the_database(name, stem):
    assert timestamps.stem(name) == stem
