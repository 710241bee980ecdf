"""Part of `make bench`: what it costs to keep the readings of many tables, beside plain JSON through zlib.

Readings are written after each slice of a scan and read before the next one: packed, and in items beside their drill.

Usage: python -m tests.bench.bench_store [TABLES…]
"""

import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict

from restorecheck.aws.deployment.items import Item
from restorecheck.aws.deployment.large_readings import LargeReadings
from restorecheck.checks.scan_result import DatabaseReading, TableReading, pack, unpack
from restorecheck.checks.scan_statements import NEWEST, PRINT, ROWS
from restorecheck.model import Drill
from restorecheck.spelling import number_of
from tests.bench.measured import Row, both, note
from tests.factories import finished

COUNTS = (1_000, 12_000, 65_000)
ROUNDS = 3


def reading(tables: int) -> DatabaseReading:
    """As of tables with one time each: numbers and fingerprints that do not repeat."""
    made = DatabaseReading(done=True)
    for number in range(tables):
        name = f"tenant_{number // 50}.table_of_things_{number % 50}"
        print_of = number * 0x9E3779B97F4A7C15 % 2**64
        made.tables[name] = TableReading(
            values={
                ROWS: str(number * 7919 % 100_003),
                PRINT: str(print_of),
                f"{NEWEST}updated_at": f"{1.7e9 + number * 61.7:.6f}",
            },
            group=name,
            seconds=number % 97 / 1e4,
            bytes=8192 * (number % 53),
        )
    return made


def around(drill: Drill) -> tuple[Drill, int]:
    """The drill as a store of items gives it back, and the number of items."""
    items: dict[tuple[str, str], Item] = {}

    def put(item: Item) -> None:
        items[item["pk"], item["sk"]] = item

    def get(pk: str, sk: str) -> Item | None:
        return items.get((pk, sk))

    kept, names = LargeReadings(put, get).set_aside(drill)
    return LargeReadings(put, get).put_back(kept, names), len(items)


def plain(readings: dict[str, DatabaseReading]) -> object:
    text = zlib.compress(json.dumps({n: asdict(r) for n, r in readings.items()}).encode())
    return json.loads(zlib.decompress(text))


def kept(readings: dict[str, DatabaseReading]) -> tuple[dict[str, DatabaseReading], int, int]:
    """As read again, the characters, and the items."""
    drill, items = around(finished().evolve(readings=pack(readings)))
    return unpack(drill.readings), len(drill.readings), items


def compare(tables: int) -> None:
    readings = {"shop": reading(tables)}
    again, characters, items = kept(readings)
    assert again == readings, "nothing is lost"
    runs: dict[str, Callable[[], object]] = {
        "kept": lambda: kept(readings),
        "plain": lambda: plain(readings),
    }
    times = both(runs, ROUNDS)
    (ours, work), (theirs, their_work) = times["kept"], times["plain"]
    print(
        f"{tables:7,} tables  {ours:6.2f} s, {ours / theirs:4.2f} x plain; {characters / 1e6:5.2f} MB,"
        f" {characters / tables:4.0f} characters a table, {number_of(items, 'item')}",
        flush=True,
    )
    note(
        Row(
            part="items of the store",
            what=f"readings of {tables:,} tables, written and read: {characters / 1e6:.2f} MB, {number_of(items, 'item')}",
            beside="json and zlib alone",
            seconds=ours,
            wall=ours / theirs,
            processors=work / their_work,
        )
    )


def main() -> None:
    print("readings of many tables, written and read again")
    for tables in [int(word) for word in sys.argv[1:]] or COUNTS:
        compare(tables)


if __name__ == "__main__":
    main()
