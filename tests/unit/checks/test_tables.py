"""What is to be known of a table in the nights after this one."""

from itertools import combinations
from typing import Any

import pytest

from restorecheck.checks.pairs import Pair, TablePast
from restorecheck.checks.tables import Table

FLAGS = ("referenced", "pointing", "unlogged", "view")


def of(*flags):
    """The traits as the next night reads them."""
    holding: dict[str, Any] = dict.fromkeys(flags, True)
    return set(Table(schema="public", name="t", **holding).traits)


@pytest.mark.parametrize("flags", [f for n in range(5) for f in combinations(FLAGS, n)])
def test_each_trait_is_kept_apart_from_the_others(flags):
    assert of(*flags) == set().union(*(of(flag) for flag in flags))
    assert len(of(*flags)) == len(flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("referenced",), "referenced"),
        (("pointing",), "weighty"),
        (("unlogged",), "passing"),
        (("view",), "passing"),
    ],
)
def test_the_next_night_reads_a_trait_as_the_catalog_has_meant_it(flags, said):
    pair = Pair(name="public.orders", before=5_000, traits=of(*flags), past=TablePast(), night=1)
    meant = [name for name in ("referenced", "weighty", "passing") if getattr(pair, name)]

    assert meant == [said]
