"""Which dumps load or fail by the order of their entries: those are loaded by one job."""

import pytest

from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.order import decides


def entry(desc, tag, defn=""):
    return TocEntry(
        dump_id=1, has_data=False, tag=tag, desc=desc, defn=defn, namespace="public", owner="app"
    )


VIEWS = (entry("MATERIALIZED VIEW", "base"), entry("MATERIALIZED VIEW", "total"))
READS_VIEW = entry("FUNCTION", "f()", "CREATE FUNCTION f() AS 'select count(*) from base';")
KINDS = entry("TABLE", "kinds", "CREATE TABLE public.kinds (id integer NOT NULL);")
READS_TABLE = entry(
    "FUNCTION", "known(integer)", "CREATE FUNCTION public.known(k integer) AS 'from kinds';"
)
PURE = entry(
    "FUNCTION", "known(integer)", "CREATE FUNCTION public.known(k integer) AS 'select k > 0';"
)
CHECKED = entry(
    "TABLE", "t", "CREATE TABLE t (k integer,\n    CONSTRAINT c CHECK (public.known(k))\n);"
)
DOMAIN = entry(
    "DOMAIN", "d", "CREATE DOMAIN d AS integer\n\tCONSTRAINT c CHECK (public.known(VALUE));"
)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((), False),
        (VIEWS, False),
        ((*VIEWS, READS_VIEW), True),
        ((VIEWS[0], READS_VIEW), False),
        ((*VIEWS, PURE), False),
        ((KINDS, READS_TABLE, CHECKED), True),
        ((KINDS, READS_TABLE, DOMAIN), True),
        ((KINDS, READS_TABLE), False),
        ((KINDS, PURE, CHECKED), False),
    ],
)
def test_a_function_that_reads_a_relation_hides_an_order(entries, expected):
    assert decides(entries) is expected
