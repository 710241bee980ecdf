"""Which names of a storage a path matches."""

import pytest

from restorecheck.storages.names import fixed_part, is_match


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("shop/a.dump", "shop/*.dump", True),
        ("shop/a.sql", "shop/*.dump", False),
        ("shop/old/a.dump", "shop/*.dump", False),
        ("shop/a.dump", "shop/", True),
        ("shop/a.dump", "shop/a.dump", True),
        ("shopping/a.dump", "shop*", True),
        ("a.dump", "", True),
        ("2026-11-28/shop.dump", "*/shop.dump", True),
        ("shop/a.dir/toc.dat", "shop/*.dir", True),
        ("shop/a.dir/more/toc.dat", "shop/*.dir", False),
        ("shop/[1].dump", "shop/[[]1].dump", True),
    ],
)
def test_a_star_stands_for_no_slash(name, pattern, matches):
    assert is_match(name, pattern) is matches


def test_a_listing_asks_for_no_more_than_the_path_can_match():
    assert fixed_part("shop/2026*/x.dump") == "shop/2026"
    assert fixed_part("shop/x.dump") == "shop/x.dump"
