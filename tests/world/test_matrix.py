"""Every way to name a table × every kind of check × four nights."""

import pytest

from tests.world import names, nights

CELLS = [
    pytest.param(world, form, kind, id=f"{form.name} - {kind}")
    for world, (_, forms) in names.WORLDS.items()
    for form in forms
    for kind in nights.KINDS
]


@pytest.fixture(scope="module")
def lived(source):
    """World → the results of all its checks."""
    return {
        world: nights.lived(source, f"world {world}", prepared, forms)
        for world, (prepared, forms) in names.WORLDS.items()
    }


@pytest.mark.parametrize(("world", "form", "kind"), CELLS)
def test_a_check_has_the_right_answer_every_night(lived, world, form, kind):
    right = nights.expected(form, kind)
    found = lived[world][f"{form.name} - {kind}"]

    wrong = [
        f"{night}: {' or '.join(map(str, answers))} is right, not {nights.said(result)}"
        for night, answers, result in zip(nights.NIGHTS, right, found, strict=True)
        if not nights.is_right(result, answers)
    ]
    assert wrong == []
