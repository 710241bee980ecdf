"""Proposed checks as YAML: as a separate block, or added to an existing file.

Only lines are added; every other byte stays. A round trip of ruamel.yaml 0.19 changes ten of the fourteen layouts in
the tests, and loses comments between brackets, unused anchors and CRLF.
"""

import json
import re
import textwrap
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile
from typing import Any

import yaml

from restorecheck.checks.propose.proposal import Proposal, new_ones
from restorecheck.config.checks import Check
from restorecheck.config.targets import Target
from restorecheck.errors import ConfigError, Problem

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+%")
"""Texts that need no quotes."""
Mark = Any
"""A place in a text, by PyYAML."""
RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def unwritten(proposals: Iterable[Proposal], target: Target) -> tuple[Proposal, ...]:
    """The proposals whose subjects have no check yet."""
    specs = target.check_specs()
    written = ((s.kind, {**s.options, "name": s.name}) for s in specs)
    taken = {spec.name for spec in specs}
    return tuple(_named_apart(proposal, taken) for proposal in new_ones(proposals, written))


def _named_apart(proposal: Proposal, taken: Container[str]) -> Proposal:
    """The proposal with a unique name: another check may have its default name."""
    name = Check.model_validate({proposal.kind: dict(proposal.keys)}).check_spec().name
    if name not in taken:
        return proposal
    apart = f"{name} by {proposal.keys.get('column', 'proposal')}"
    return replace(proposal, keys={**proposal.keys, "name": apart})


def block(proposals: Sequence[Proposal]) -> str:
    """`checks:` and its items, each below its evidence."""
    if not proposals:
        return "checks: []\n"
    return "checks:\n" + "".join(f"{line}\n" for line in _items(proposals, "  "))


def merged(text: str, target: str, proposals: Sequence[Proposal]) -> str:
    """The configuration with these checks added at the end of a target's.

    Raises:
        ConfigError: The target's checks have a form to which nothing can be added.
    """
    if not proposals:
        return text
    return _Merger(text, target).with_items(proposals)


# --- writing ------------------------------------------------------------------------------------


def _items(proposals: Sequence[Proposal], indent: str) -> list[str]:
    lines = []
    for proposal, because in _said_once(proposals):
        lines += _comment(because, indent)
        lines += _item(proposal, indent)
    return lines


def _said_once(proposals: Iterable[Proposal]) -> Iterator[tuple[Proposal, str]]:
    """Each proposal with its evidence; general remarks only for the first one of a kind."""
    said: set[tuple[str, str]] = set()
    for proposal in proposals:
        first, *rest = proposal.because.split("; ")
        new = [part for part in rest if (proposal.kind, part) not in said]
        said.update((proposal.kind, part) for part in rest)
        yield proposal, "; ".join((first, *new))


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
    """Whether the text can be folded at its spaces without a change."""
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
        case str() if '"' in value and value.isprintable() and "'" not in value:
            return f"'{_escaped(value)}'"  # "public.\"Order\"" is hard to read
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
            raise self._refusal("the target is written between braces; write one key per line")
        own = " " * self._mine.value[0][0].start_mark.column
        if checks is None:
            if any(self._checks_node(node) for node in _merged_into(self._mine)):
                raise self._refusal("its checks come from another target, merged by a YAML anchor")
            if any(self._mine in _merged_into(other) for other in self._others):
                raise self._refusal("another target uses its keys through a YAML anchor")
            lines = [f"{own}checks:", *_items(proposals, f"{own}  ")]
            return self._after_line(self._last_line(self._mine), lines)
        key, node = checks
        shared = any(self._checks_node(other) is node for other in self._others)
        if shared or node.start_mark.index < key.end_mark.index:
            raise self._refusal("it shares its checks with another target through a YAML anchor")
        if isinstance(node, yaml.SequenceNode) and not node.flow_style:
            indent = " " * self._column_of_items(node)
            return self._after_line(self._last_line(node), _items(proposals, indent))
        inside = self._text[node.start_mark.index + 1 : node.end_mark.index - 1]
        if isinstance(node, yaml.SequenceNode) and inside.strip():
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
        raise self._refusal("the target is not written out in this file")

    def _refusal(self, why: str) -> ConfigError:
        message = f"could not add checks to {self._target}: {why}"
        hint = (
            "The file was not changed. Run again without --merge to print the checks, and "
            "add them by hand."
        )
        return ConfigError((Problem(message=message),), hint=hint)

    def _checks(self, node: yaml.MappingNode) -> tuple[yaml.Node, yaml.Node] | None:
        return next(((k, v) for k, v in node.value if k.value == "checks"), None)

    def _checks_node(self, node: yaml.MappingNode) -> yaml.Node | None:
        """The target's own checks, or those merged into it."""
        found = self._checks(node)
        if found:
            return found[1]
        return next(filter(None, map(self._checks_node, _merged_into(node))), None)

    def _after_line(self, number: int, lines: Sequence[str], text: str | None = None) -> str:
        written = (self._text if text is None else text).splitlines(keepends=True)
        if not written[number].endswith("\n"):
            written[number] += self._newline
        added = [f"{line}{self._newline}" for line in lines]
        return "".join([*written[: number + 1], *added, *written[number + 1 :]])

    def _within_brackets(
        self, node: yaml.SequenceNode, proposals: Sequence[Proposal], indent: str
    ) -> str:
        """Adds to a list in brackets; comments and the bracket keep their places."""
        end = node.end_mark.index - 1
        last = self._last(node)
        items = _end_of(last).index if last else node.start_mark.index + 1
        rest = self._text[items:end]
        told = any(
            isinstance(token, yaml.FlowEntryToken) and items <= token.start_mark.index < end
            for token in yaml.scan(self._text, Loader=yaml.SafeLoader)
        )
        comma = "" if told or last is None else ","
        lines = []
        for number, (proposal, because) in enumerate(_said_once(proposals), 1):
            lines += _comment(because, indent)
            lines.append(f"{indent}{{{_flow(proposal)}}}{',' if number < len(proposals) else ''}")
        own_line = "\n" in rest and not rest.rpartition("\n")[2].strip()
        before_bracket = rest.rpartition("\n")[2] if own_line else indent
        added = "".join(f"{self._newline}{line}" for line in lines)
        return (
            f"{self._text[:items]}{comma}{rest.rstrip()}{added}"
            f"{self._newline}{before_bracket}{self._text[end:]}"
        )

    def _instead_of_nothing(
        self, node: yaml.Node, proposals: Sequence[Proposal], indent: str
    ) -> str:
        """`checks: []`."""
        begin, end = node.start_mark.index, node.end_mark.index
        left = f"{self._text[:begin].rstrip(' ')}{self._text[end:]}"
        line = self._text.count("\n", 0, begin)
        return self._after_line(line, _items(proposals, indent), text=left)

    def _column_of_items(self, node: yaml.SequenceNode) -> int:
        """Column of the first dash; the list itself begins with its anchor, if any."""
        return next(
            int(token.start_mark.column)
            for token in yaml.scan(self._text, Loader=yaml.SafeLoader)
            if isinstance(token, yaml.BlockEntryToken)
            and token.start_mark.index >= node.start_mark.index
        )

    def _last_line(self, node: yaml.Node) -> int:
        """Last line of the node's content, without comments and empty lines after it."""
        last = self._last(node)
        assert last is not None, "what is in a block is not empty"
        line, column = int(_end_of(last).line), int(_end_of(last).column)
        block_scalar = isinstance(last, yaml.ScalarEvent) and last.style in {"|", ">"}
        return line - 1 if block_scalar and column == 0 and line else line

    def _last(self, node: yaml.Node) -> yaml.Event | None:
        """The last event in a collection. An alias counts at its own position, not at its anchor."""

        def is_before(event: yaml.Event) -> bool:
            begins = isinstance(event, yaml.CollectionStartEvent)
            return not begins or _start_of(event).index != node.start_mark.index

        events = dropwhile(is_before, yaml.parse(self._text, Loader=yaml.SafeLoader))
        next(events)  # the beginning of the collection itself
        within: list[yaml.Event] = []
        depth = 1
        while depth:
            event = next(events)
            if isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
                if depth and _end_of(event).index > _start_of(event).index:  # a bracket or brace
                    within.append(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            else:
                within.append(event)
        return within[-1] if within else None


def _start_of(event: yaml.Event) -> Mark:
    assert event.start_mark is not None, "it was parsed from a text"
    return event.start_mark


def _end_of(event: yaml.Event) -> Mark:
    assert event.end_mark is not None, "it was parsed from a text"
    return event.end_mark


def _of(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _merged_into(node: yaml.MappingNode) -> list[yaml.MappingNode]:
    """The mappings whose keys it takes by `<<`."""
    named = [value for name, value in node.value if name.value == "<<"]
    every = [
        part
        for value in named
        for part in (value.value if isinstance(value, yaml.SequenceNode) else [value])
    ]
    return [part for part in every if isinstance(part, yaml.MappingNode)]
