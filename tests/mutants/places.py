"""Where a planted bug goes: in a function, class or constant, found by its name wherever it stands.

A file may be renamed, a function moved, a line broken elsewhere or indented: the bug follows.
"""

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutants.planted import Mutant


@dataclass(frozen=True)
class Place:
    """Characters of a file, from `start` to before `end`."""

    file: Path
    start: int
    end: int


@cache
def named(package: Path) -> Mapping[str, tuple[Place, ...]]:
    """Functions, classes and constants by their names, as `function`, `Class.method` or `CONSTANT`."""
    found: dict[str, list[Place]] = defaultdict(list)
    for file in sorted(package.rglob("*.py")):
        text = file.read_text()
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for name, first, last in _definitions(ast.parse(text).body):
            found[name].append(Place(file, starts[first - 1], starts[last]))
    return {name: tuple(places) for name, places in found.items()}


def _definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, int, int]]:
    for node in body:
        last = node.end_lineno or node.lineno
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                decorators = (decorator.lineno for decorator in node.decorator_list)
                yield f"{prefix}{node.name}", min(node.lineno, *decorators, last), last
                if isinstance(node, ast.ClassDef):
                    yield from _definitions(node.body, f"{prefix}{node.name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield f"{prefix}{name}", node.lineno, last


def place_of(mutant: Mutant, package: Path) -> Place:
    """Raises AssertionError unless what the bug replaces stands in its function once, and in no other
    function of that name. `aws/restore` is the function of that name in the room `aws`.
    """
    room, _, name = mutant.at.rpartition("/")
    where = package / room
    texts = (p for p in named(package).get(name, ()) if p.file.is_relative_to(where))
    pattern = _pattern(mutant.find)
    found = [
        Place(around.file, around.start + match.start(), around.start + match.end())
        for around in texts
        for match in pattern.finditer(around.file.read_text()[around.start : around.end])
    ]
    assert len(found) == 1, f"{len(found)} times in {mutant.at}: {mutant.says}"
    return found[0]


def _pattern(find: str) -> re.Pattern[str]:
    """Whatever the white space, and with or without a comma before a closing bracket."""
    parts = re.findall(r"\w+|[^\w\s]", find)
    joined = re.escape(parts[0])
    for before, part in itertools.pairwise(parts):
        words = bool(re.match(r"\w\w", before[-1] + part[0]))
        gap = r"\s+" if words else r",?\s*" if part in ")]}" else r"\s*"
        joined += gap + re.escape(part)
    return re.compile(joined)


def planted(mutant: Mutant, package: Path) -> tuple[Path, str]:
    """The file, and its text with the bug in it."""
    place = place_of(mutant, package)
    text = place.file.read_text()
    line = text.rfind("\n", 0, place.start) + 1
    before = text[line : place.start]
    deeper = len(mutant.find) - len(mutant.find.lstrip(" "))
    indent = " " * (len(before) - len(before.lstrip(" ")) - deeper)
    first, *more = mutant.put.split("\n")
    put = [first, *(indent + text if text else "" for text in more)]
    begins_line = not before.strip(" ")
    if begins_line and first:
        put[0] = indent + first
    start = line if begins_line else place.start
    return place.file, text[:start] + "\n".join(put) + text[place.end :]
