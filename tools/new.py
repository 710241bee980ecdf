"""`make new-check NAME=…`: writes the files that something new needs, and its lines where it is listed.

So does `make new-source`. `templates/` says which: `$name` is as it was given, `$Name` the class, `$NAME` the constant, `$words` has spaces.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template


def main() -> None:
    what, name = sys.argv[1:]
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        sys.exit(f"NAME is of small letters, as in percent_null; {name!r} is not")
    words = name.replace("_", " ")
    known = {
        "name": name,
        "Name": words.title().replace(" ", ""),
        "NAME": name.upper(),
        "words": words,
    }
    for path in write(Path(__file__).parent / "templates" / f"{what}.toml", Path(), known):
        print(path)


def write(name: Path, root: Path, known: Mapping[str, str]) -> Iterable[Path]:
    """What the template says, below `root`."""
    template = tomllib.loads(name.read_text())
    made: dict[Path, str] = {}
    for file in template.get("file", ()):
        path = root / Template(file["path"]).substitute(known)
        if path.exists():
            sys.exit(f"{path} is there already")
        made[path] = Template(file["text"]).substitute(known)
    for line in template["line"]:
        path, before = root / line["path"], line["before"]
        text = made.get(path) or path.read_text()
        if text.count(before) != 1:
            sys.exit(f"{path} has not one place before {before!r}: mend {name}")
        made[path] = text.replace(before, Template(line["text"]).substitute(known) + before)
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


if __name__ == "__main__":
    main()
