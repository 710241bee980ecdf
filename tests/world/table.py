"""Prints the matrix: `python -m tests.world.table`.

One letter a night, (p)assed, (f)ailed, (e)rror, (s)kipped or (-) no answer; a capital one is wrong.
"""

import logging

import structlog

from tests import pg, places
from tests.world import names, nights, test_matrix, types


def letters(right, found):
    said = ""
    for result, answers in zip(found, right, strict=True):
        letter = "-" if result is None or isinstance(result, Exception) else result.outcome.value[0]
        said += letter if nights.is_right(result, answers) else letter.upper()
    return said


def printed(title, rows, kinds):
    print(f"{title[:59]:60}", *(f"{kind[:9]:9}" for kind in kinds))
    for name, cells in rows:
        print(f"{name[:59]:60}", *(f"{cells.get(kind, ''):9}" for kind in kinds))


def main():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    places.settle()
    with pg.running(min(pg.installations(), key=lambda i: i.major)) as source:
        for world, (prepared, forms) in names.WORLDS.items():
            found = nights.lived(source, f"world {world}", prepared, forms)
            rows = [(form.name, _cells(found, form, nights.expected)) for form in forms]
            printed(world, rows, nights.KINDS)
        for world, (prepared, cases) in types.WORLDS.items():
            found = test_matrix.lived_by_cases(source, f"types {world}", prepared, cases)
            rows = [(case.name, _cells(found, case, types.expected)) for case in cases]
            printed(world, rows, nights.KINDS)


def _cells(found, row, expected):
    return {
        kind: letters(expected(row, kind), results)
        for kind in nights.KINDS
        if (results := found.get(f"{row.name} - {kind}"))
    }


if __name__ == "__main__":
    main()
