"""What of an archive is restored: lines of `pg_restore --list`, as they are."""

import pytest

from restorecheck.postgres.dump.load import restorable_contents

HEAD = ";\n; Archive created at 2026-02-27 03:00:00 UTC\n;     dbname: library\n;\n"
TABLE = "219; 1259 16412 TABLE public hstore_notes reader\n"
HSTORE = "5; 3079 16390 EXTENSION - hstore \n"
HSTORE_COMMENT = "4034; 0 0 COMMENT - EXTENSION hstore \n"
HSTORE_PLUS = "6; 3079 16391 EXTENSION - hstore_plperl \n"
SERVER = "2251; 1417 16395 SERVER - elsewhere postgres\n"
MAPPING = "4035; 0 0 USER MAPPING - USER MAPPING reader SERVER elsewhere postgres\n"
FILLED = "4036; 0 16420 MATERIALIZED VIEW DATA public filled reader\n"
VIEW = "221; 1259 16420 MATERIALIZED VIEW public filled reader\n"
UUID = "7; 3079 16392 EXTENSION - uuid-ossp \n"
UUID_COMMENT = '4037; 0 0 COMMENT - EXTENSION "uuid-ossp" \n'
ALL = (
    *(TABLE, HSTORE, HSTORE_COMMENT, HSTORE_PLUS, UUID, UUID_COMMENT),
    *(SERVER, MAPPING, VIEW, FILLED),
)


@pytest.mark.parametrize(
    ("ignored", "refresh", "left_out"),
    [
        ((), True, {MAPPING}),
        ((), False, {MAPPING, FILLED}),
        (("hstore",), True, {MAPPING, HSTORE, HSTORE_COMMENT}),
        (("uuid-ossp",), True, {MAPPING, UUID, UUID_COMMENT}),
        (("hstore_plperl", "postgis"), False, {MAPPING, FILLED, HSTORE_PLUS}),
    ],
)
def test_how_the_source_logs_in_elsewhere_never_comes_along(ignored, refresh, left_out):
    left = restorable_contents(HEAD + "".join(ALL), ignored, (), refresh=refresh)

    assert left == HEAD + "".join(line for line in ALL if line not in left_out)
