"""Proposed checks as YAML: a block of their own, or put into what a person has written.

Nothing that is there is parsed and written again: lines are added, and every other byte stays.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from restorecheck.checks.proposing import Proposal, new_ones
from restorecheck.config.targets import Target
from restorecheck.errors import ConfigError, Problem

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+%")
"""Texts that need no quotes."""
RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def unwritten(proposals: Iterable[Proposal], target: Target) -> tuple[Proposal, ...]:
    """Without those whose subject has a check already."""
    written = ((s.kind, {**s.options, "name": s.name}) for s in target.check_specs())
    return new_ones(proposals, written)


def block(proposals: Sequence[Proposal]) -> str:
    """`checks:` and its items, each below its evidence."""
    if not proposals:
        return "checks: []\n"
    return "checks:\n" + "".join(f"{line}\n" for line in _items(proposals, "  "))


def merged(text: str, target: str, proposals: Sequence[Proposal]) -> str:
    """The configuration with these checks added at the end of a target's.

    Raises:
        ConfigError: The target's checks are written in a way that nothing can be added to.
    """
    if not proposals:
        return text
    return _Merger(text, target).with_items(proposals)


# --- writing ------------------------------------------------------------------------------------


def _items(proposals: Sequence[Proposal], indent: str) -> list[str]:
    lines = []
    for proposal in proposals:
        lines += _comment(proposal.because, indent)
        lines += _item(proposal, indent)
    return lines


def _comment(text: str, indent: str) -> list[str]:
    width = WIDTH - len(indent) - 2
    return [f"{indent}# {line}" for line in textwrap.wrap(text, width)]


def _item(proposal: Proposal, indent: str) -> list[str]:
    line = f"{indent}- {_flow(proposal)}"
    if "sql" not in proposal.keys:
        return [line]
    lines = [f"{indent}- {proposal.kind}:"]
    for key, value in proposal.keys.items():
        if key == "sql" and _folds(value):
            lines.append(f"{indent}    sql: >-")
            lines += [f"{indent}      {part}" for part in _wrapped(value, WIDTH - len(indent) - 6)]
        else:
            lines.append(f"{indent}    {key}: {_value(value)}")
    return lines


def _flow(proposal: Proposal) -> str:
    return f"{proposal.kind}: {_value(dict(proposal.keys))}"


def _folds(sql: str) -> bool:
    """Whether lines can be broken at its spaces and come back as they were."""
    return re.search(r"\s\s|[\t\r\n]", sql) is None and sql.isprintable()


def _wrapped(sql: str, width: int) -> list[str]:
    return textwrap.wrap(
        _escaped(sql), width, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    )


def _value(value: Any) -> str:  # noqa: ANN401  # JSON
    match value:
        case dict():
            inside = ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
            return f"{{{inside}}}"
        case list() | tuple():
            return f"[{', '.join(_value(item) for item in value)}]"
        case str() if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
            return value
        case str():
            return json.dumps(_escaped(value), ensure_ascii=False)
        case _:
            return json.dumps(value)


def _escaped(text: str) -> str:
    """`${` begins a reference in a configuration."""
    return text.replace("${", "$${")


# --- merging ------------------------------------------------------------------------------------


class _Merger:
    def __init__(self, text: str, target: str) -> None:
        self._text = text
        self._target = target
        self._newline = "\r\n" if "\r\n" in text else "\n"
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._mine, self._others = self._find(root)

    def with_items(self, proposals: Sequence[Proposal]) -> str:
        checks = self._checks(self._mine)
        if self._mine.flow_style:
            raise self._refusal("it is written between braces; write one key a line")
        own = " " * self._mine.value[0][0].start_mark.column
        if checks is None:
            lines = [f"{own}checks:", *_items(proposals, f"{own}  ")]
            return self._after_line(_last_line(self._mine), lines)
        key, node = checks
        shared = any(self._checks_node(other) is node for other in self._others)
        if shared or node.start_mark.index < key.end_mark.index:
            raise self._refusal("its checks are shared with another target by an anchor")
        if isinstance(node, yaml.SequenceNode) and not node.flow_style:
            indent = " " * node.start_mark.column
            return self._after_line(_last_line(node), _items(proposals, indent))
        if isinstance(node, yaml.SequenceNode) and node.value:
            return self._within_brackets(node, proposals, f"{own}  ")
        return self._instead_of_nothing(node, proposals, f"{own}  ")

    def _find(self, root: yaml.Node | None) -> tuple[yaml.MappingNode, list[yaml.MappingNode]]:
        targets = _of(root, "targets")
        found = [
            node
            for node in (targets.value if isinstance(targets, yaml.SequenceNode) else [])
            if isinstance(node, yaml.MappingNode)
        ]
        for node in found:
            name = _of(node, "name")
            if isinstance(name, yaml.ScalarNode) and name.value == self._target:
                return node, [other for other in found if other is not node]
        raise self._refusal("it is not written out in this file")

    def _refusal(self, why: str) -> ConfigError:
        message = f"the checks of {self._target} cannot be added to: {why}"
        hint = "Nothing was written. Without --merge the block is printed by itself."
        return ConfigError((Problem(message=message),), hint=hint)

    def _checks(self, node: yaml.MappingNode) -> tuple[yaml.Node, yaml.Node] | None:
        return next(((k, v) for k, v in node.value if k.value == "checks"), None)

    def _checks_node(self, node: yaml.MappingNode) -> yaml.Node | None:
        found = self._checks(node)
        return found[1] if found else None

    def _after_line(self, number: int, lines: Sequence[str], text: str | None = None) -> str:
        written = (self._text if text is None else text).splitlines(keepends=True)
        if not written[number].endswith("\n"):
            written[number] += self._newline
        added = [f"{line}{self._newline}" for line in lines]
        return "".join([*written[: number + 1], *added, *written[number + 1 :]])

    def _within_brackets(
        self, node: yaml.SequenceNode, proposals: Sequence[Proposal], indent: str
    ) -> str:
        end = node.end_mark.index - 1
        parts = []
        for proposal in proposals:
            comment = self._newline.join(_comment(proposal.because, indent))
            parts.append(f",{self._newline}{comment}{self._newline}{indent}{{{_flow(proposal)}}}")
        before = self._text[:end].rstrip().removesuffix(",")
        return f"{before}{''.join(parts)}{self._newline}{indent}{self._text[end:]}"

    def _instead_of_nothing(
        self, node: yaml.Node, proposals: Sequence[Proposal], indent: str
    ) -> str:
        """`checks: []`."""
        begin, end = node.start_mark.index, node.end_mark.index
        left = f"{self._text[:begin].rstrip(' ')}{self._text[end:]}"
        line = self._text.count("\n", 0, begin)
        return self._after_line(line, _items(proposals, indent), text=left)


def _of(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _last_line(node: yaml.Node) -> int:
    """Of what is written in it; comments and empty lines behind it are somebody else's."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(last, tuple):
            key, value = last
            return max(int(key.end_mark.line), _last_line(value))
        return _last_line(last)
    line, column = int(node.end_mark.line), int(node.end_mark.column)
    block_scalar = isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}
    return line - 1 if block_scalar and column == 0 and line else line
