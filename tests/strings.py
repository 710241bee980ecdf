"""Collects from the code every string that a person may read.

`make schema` writes them to docs/reference/texts.md: read together, they stay plain and use the same words.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "restorecheck"

# Rooms that no user reads: fakes, and a simulated AWS that speaks in the words of AWS.
NOT_READ = {"testing", "sandbox", "simulated"}
# PostgreSQL's own message templates.
NOT_OURS = {Path("checks/server_templates.py")}

# A statement or a piece of one: in capitals, or a word of SQL with its punctuation.
SQL = re.compile(
    r"\s*\(?(SELECT(?! on )|WITH|CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|SET|SHOW|GRANT|REVOKE|COPY|BEGIN|COMMIT|"
    r"DECLARE|FETCH|EXPLAIN|ANALYZE|VACUUM|LOCK|VALUES|FROM|WHERE|AND|ORDER BY|GROUP BY|CASE|WHEN|ELSE|LATERAL|"
    r"(LEFT |CROSS )?JOIN|PRAGMA|ROLLBACK|SAVEPOINT|DISCARD|UNION|REINDEX|LIMIT|TABLESAMPLE)\b"
    r"|\s*(drop|alter|truncate) (table|index|only|\{)|\s*begin (immediate|transaction)|insert or replace|select .* from "
    r"|\s*\(?(select|create (temp |unique )?(table|index)|update|insert into|delete from|pragma)\b.*[=(*{_]"
    r"|\s*\(?(with|from|where|case when|order by|coalesce|alter)\b.*( = |::| \(|\{\w+\}\(|\w\(\w)"
    r"|.*(\b(any|array|concat|count|exists|extract|filter|floor|max|min|num_nulls|sum|set_config)|\bid in|\)) ?\((?!\*)"
    r"|set \w+ = :|(\w+ = 1|\w+ (>=|<=|<|>) \?|[^ ]* [<>=]+ [^ ]*$)|.*\bfrom only\b",
    re.DOTALL,
)
TAGS = (
    "a|b|body|button|caption|code|dd|details|div|dl|dt|form|g|h1|h2|head|html|input|label|li|line|link|main|meta|ol|p|path|"
    "pre|rect|section|small|span|strong|style|summary|svg|table|tbody|td|text|th|thead|time|title|tr|ul"
)
MARKUP = re.compile(rf"</?({TAGS})[ >]|<!|^[^ ]+ \{{\s|:\s?[^ ]+;\s?\}}")
PATTERN = re.compile(r"\(\?[:P=!<#]|\\[sdwSDWbA]|\[\^|\.\*[$?)|]|\w::[a-z]|:\w+ (or|and) |= :\w")
WORD = re.compile(r"[A-Za-z][A-Za-z']+")
MATCHERS = {
    "re.compile",
    "re.search",
    "re.match",
    "re.fullmatch",
    "re.sub",
    "re.findall",
    "TypeVar",
}


def strings() -> dict[Path, list[str]]:
    """File, relative to the package → its strings, in the order of the file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] not in NOT_READ and name not in NOT_OURS:
            found[name] = strings_of(path.read_text())
    return {name: texts for name, texts in found.items() if texts}


PAGE = """# Every text

Every string that restorecheck shows to people, collected from the code (`make schema`), by room and file.
The list exists to be read as a whole: a string that needs a second reading is rewritten in the code.

`{name}` stands for a value, `{one | other}` for a choice. Left out: SQL, patterns, HTML, PostgreSQL's own messages, and the
rooms that no user reads (`testing`, `sandbox`, `simulated`).

"""


def page() -> str:
    """No line numbers: an edit elsewhere in a file does not change the page."""
    parts, room = [PAGE], ""
    for name, texts in strings().items():
        if _room(name) != room:
            room = _room(name)
            parts.append(f"## {room}\n\n")
        lines = "\n".join(" ⏎ ".join(text.split("\n")) for text in texts)
        parts.append(f"### {name}\n\n```text\n{lines}\n```\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def _room(name: Path) -> str:
    return name.parts[0] if len(name.parts) > 1 else "restorecheck"


def strings_of(source: str) -> list[str]:
    """Each string of two words or more, once; f-string holes as `{name}`; no code in other languages."""
    return list(dict.fromkeys(text for text in _texts(ast.parse(source)) if _for_people(text)))


def _texts(node: ast.AST) -> Iterator[str]:
    text = _text(node)
    if text is not None:
        yield text
        return
    if isinstance(node, ast.Assert) or _is_docstring(node) or _is_matcher(node):
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_part(part) for part in parts)
        case _:
            return None


def _part(node: ast.AST) -> str:
    return f"{{{_hole(node.value)}}}" if isinstance(node, ast.FormattedValue) else _text(node) or ""


def _hole(node: ast.expr) -> str:
    """A short name for the value; both strings of a choice, since a person reads one of them."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            return f"{_hole(one)} | {_hole(other)}"
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr():
            return _text(node) or ""
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_")
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.GeneratorExp):
            return _hole(first)
        case ast.Call(func=value) | ast.Subscript(value=value) | ast.Starred(value=value):
            return _hole(value)
        case ast.BoolOp(values=[value, *_]) | ast.BinOp(left=value):
            return _hole(value)
        case _:
            return "…"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_matcher(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in MATCHERS


def _for_people(text: str) -> bool:
    words = WORD.findall(re.sub(r"\{[^}]*\}", "", text))
    if len(words) < 2 or " " not in text.strip():
        return False
    return not (SQL.match(text) or MARKUP.search(text) or PATTERN.search(text))
