"""Packed dumps through a whole drill: a bomb gets a verdict and words, an honest one of equal rows is verified."""

import re
import sys

import zstandard

from tests.integration.test_bombs import zstd_of

TRAILER = b"--\n-- PostgreSQL database dump complete"
ROWS = 400_000
ROW = b"the same text in each row, as in a table of events that nobody has ever cleaned up\n"
MEASURED = (
    "import re, sys; from restorecheck.hosts.cli import main; code = main(sys.argv[1:]);"
    " most = re.search(r'VmHWM:\\s+([0-9]+)', open('/proc/self/status').read());"
    " print('peak', int(most[1]) // 1024, file=sys.stderr); sys.exit(code)"
)


def test_a_bomb_is_inconclusive_and_says_so_in_constant_memory(world):
    packed = zstandard.compress(zstd_of(b"\n", 100_000), 19)
    (world.backups / "library.sql.zst").write_bytes(packed)
    world.configure()

    done = world.run("drill", command=[sys.executable, "-c", MEASURED])

    assert done.returncode == 3, done.stdout
    assert (
        "the file unpacks to more than 100,000 times its size, like a decompression bomb"
        in done.stdout
    )
    assert "Check where the file comes from" in done.stdout
    peak = re.search(r"peak (\d+)", done.stderr)
    assert peak is not None
    assert int(peak[1]) < 200, "megabytes"
    assert world.leftovers() == []


def test_a_dump_that_shrinks_a_thousand_times_is_verified(world, dumps):
    head, mark, tail = dumps["plain"].read_bytes().rpartition(TRAILER)
    table = b"CREATE TABLE public.events (a text);\n\nCOPY public.events (a) FROM stdin;\n"
    text = head + table + ROW * ROWS + b"\\.\n\n\n" + mark + tail
    packed = zstandard.compress(text, 3)
    (world.backups / "library.sql.zst").write_bytes(packed)
    world.configure()

    code, report = world.drill()

    assert len(text) > 1000 * len(packed)
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
