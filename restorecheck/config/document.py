"""YAML as plain data with line numbers and resolved references.

PyYAML's own constructor would drop the positions, accept duplicate keys, and convert `2026-01-01` to a date and
`12:30:00` to the number 45000; here these stay texts.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.reader import Reader

from restorecheck.config.findings import ConfigFinding, Path, UnusableDocumentError
from restorecheck.config.interpolation import Expansion, Interpolator

MAX_NODES = 150_000
"""5,000 RDS targets have 110,000. Aliases count wherever they are used: a small file cannot take hours."""
MAX_DEPTH = 50
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]")
_MARKUP = "put quotes around text that begins with one of & * ! % @ `"


@dataclass(slots=True)
class Document:
    """A mapping, the position of each part, and its YAML errors."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)
    """The original text of values with references."""
    masked: dict[Path, str] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)
    """Values that could not be read; further errors on them are consequences."""
    findings: list[ConfigFinding] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """The line of the path, or of the nearest enclosing value."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def hand_written(self, path: Path, value: str) -> str:
        """The value with `MASK` for each reference."""
        return self.masked.get(path, value)


def read_document(text: str, interpolator: Interpolator) -> Document:
    """The mapping in the text; UnusableDocumentError: there is none."""
    try:
        _refuse_unusable(text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as exc:
        raise _syntax_error(exc) from None
    if root is None or _is_null(root):
        advice = "`restorecheck config example` prints a file to start from"
        raise UnusableDocumentError(f"the file is empty; {advice}", 1)
    if not isinstance(root, yaml.MappingNode):
        found = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        message = f"expected a mapping (`version: 1`, `targets: …`) at the top, found {found}"
        raise UnusableDocumentError(message, _line(root))
    return _Builder(interpolator).build(root)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}null"


def _refuse_unusable(text: str) -> None:
    """Checks the stream of events, because composing recurses and reads only the first document."""
    if match := Reader.NON_PRINTABLE.search(text):
        before = text.count("\n", 0, match.start())
        message = f"the character U+{ord(match[0]):04X} is not allowed"
        raise UnusableDocumentError(message, before + 1)
    depth = documents = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        documents += isinstance(event, yaml.DocumentStartEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else None
        if documents > 1:
            raise UnusableDocumentError(
                "a second YAML document begins here; expected one document", line
            )
        if depth > MAX_DEPTH:
            raise UnusableDocumentError(f"nested more than {MAX_DEPTH} levels deep", line)
        if nodes > 2 * MAX_NODES:  # a key, and its value
            raise UnusableDocumentError(f"more than {MAX_NODES:,} values", line)


def _syntax_error(exc: yaml.MarkedYAMLError) -> UnusableDocumentError:
    mark = exc.problem_mark or exc.context_mark
    problem = exc.problem or "the YAML cannot be parsed"
    if problem.startswith("found undefined alias"):  # the alias may be an unquoted password
        problem = f"an alias (*…) without its anchor (&…); {_MARKUP}"
    elif "cannot start any token" in problem:
        problem = (
            f"a tab or a special character where a value begins; indent by spaces, and {_MARKUP}"
        )
    elif exc.context and exc.context_mark and exc.context.startswith("while"):
        problem = f"{problem} {exc.context} that begins on line {exc.context_mark.line + 1}"
    return UnusableDocumentError(f"not valid YAML: {problem}", mark.line + 1 if mark else None)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


class _Builder:
    """Visits the nodes once; aliases each time they are used, up to a limit."""

    def __init__(self, interpolator: Interpolator) -> None:
        self._document = Document()
        self._interpolator = interpolator
        self._constructor = SafeConstructor()
        self._expansions: dict[str, Expansion] = {}
        self._open: list[int] = []
        self._nodes = 0

    def build(self, root: yaml.MappingNode) -> Document:
        self._document.lines[()] = _line(root)
        self._document.data = self._mapping(root, ())
        return self._document

    def _value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        self._count(node)
        self._document.lines.setdefault(path, _line(node))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return self._sequence(node, path)
            case _:
                return self._scalar(node, path)

    def _count(self, node: yaml.Node, weight: int = 1) -> None:
        self._nodes += weight
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} values after the aliases are expanded"
            raise UnusableDocumentError(message, _line(node))
        if id(node) in self._open:
            raise UnusableDocumentError(
                "an alias refers to a value that contains the alias itself", _line(node)
            )

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        self._expect_tag(node, "seq", path)
        self._open.append(id(node))
        items = [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        self._open.pop()
        return items

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._expect_tag(node, "map", path)
        self._open.append(id(node))
        data: dict[str, Any] = {}
        for key, (key_node, value_node) in self._pairs(node, path).items():
            self._document.lines[*path, key] = _line(key_node)
            data[key] = self._value(value_node, (*path, key))
        self._open.pop()
        return data

    def _pairs(self, node: yaml.MappingNode, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The mapping's own pairs, then the merged ones; its own take precedence."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in own:
                self._duplicate(key, first=own[key][0], second=key_node, path=path)
            own[key] = (key_node, value_node)
            if key_node.tag == f"{_STANDARD}merge":
                merged.append(value_node)
        if merged:
            own.pop("<<")
        for source in merged:
            own = {**self._merged(source, path), **own}
        return own

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                message = "expected a mapping, or a list of mappings, to merge"
                self._find((*path, "<<"), message, _line(source))
                continue
            self._count(source, len(source.value))
            self._open.append(id(source))
            pairs = {**self._pairs(source, path), **pairs}  # in a list, the earlier one wins
            self._open.pop()
        return pairs

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)  # also `on`, `yes` and `1`, which YAML reads as other types
        self._find(
            path, "expected a key that is a plain text, found a list or mapping", _line(node)
        )
        return None

    def _duplicate(self, key: str, *, first: yaml.Node, second: yaml.Node, path: Path) -> None:
        message = f"duplicate key '{key}'; it is already set on line {_line(first)}"
        self._find((*path, key), message, _line(second))

    def _scalar(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  # any YAML scalar
        text = str(node.value)
        match node.tag.removeprefix(_STANDARD):
            case "null":
                return None
            case "bool" | "int" | "float" as kind if not _is_rather_text(text, kind):
                return self._constructed(node, kind, path)
            case "str":
                return self._text(text, path)
            case "bool" | "int" | "float" | "timestamp" | "value" | "merge":
                return text
            case _:
                self._unsupported_tag(node, path)
                return text

    def _constructed(self, node: yaml.Node, kind: str, path: Path) -> Any:  # noqa: ANN401  # bool, int, float
        try:
            return getattr(self._constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError, ConstructorError):
            self._document.broken.add(path)
            self._find(path, f"the tag !!{kind} does not fit its value")
            return None

    def _text(self, source: str, path: Path) -> str:
        if "${" not in source:
            return source
        if source not in self._expansions:
            self._expansions[source] = self._interpolator.expand(source)
        expansion = self._expansions[source]
        if expansion.interpolated:
            self._document.sources[path] = source
            self._document.masked[path] = expansion.masked
        for problem in expansion.problems:
            self._document.broken.add(path)
            self._find(path, problem)
        return expansion.text

    def _expect_tag(self, node: yaml.Node, tag: str, path: Path) -> None:
        if node.tag != f"{_STANDARD}{tag}":
            self._unsupported_tag(node, path)

    def _unsupported_tag(self, node: yaml.Node, path: Path) -> None:
        # The tag is not shown: it may be a password that begins with an exclamation mark.
        self._document.broken.add(path)
        self._find(path, f"tags (!…) are not supported here; {_MARKUP}", _line(node))

    def _find(self, path: Path, message: str, line: int | None = None) -> None:
        self._document.findings.append(ConfigFinding(path, message, line))


def _is_rather_text(text: str, kind: str) -> bool:
    """Sexagesimal `12:30:00` and octal `017` of YAML 1.1, which are meant as text."""
    return kind != "bool" and (":" in text or (kind == "int" and bool(_LEADING_ZERO.match(text))))
