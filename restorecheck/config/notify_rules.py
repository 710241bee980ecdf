"""Rules between the items of `notify`, and between them and the targets."""

from collections.abc import Iterator
from typing import Any

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.notify import KINDS, Channel


def broken_notify_rules(document: Document) -> Iterator[ConfigFinding]:
    items = document.data.get("notify")
    targets = document.data.get("targets")
    known = {
        target.get("name")
        for target in (targets if isinstance(targets, list) else [])
        if isinstance(target, dict)
    }
    seen: dict[str, int | None] = {}
    for index, item in enumerate(items if isinstance(items, list) else []):
        if not isinstance(item, dict):
            continue
        path: Path = ("notify", index)
        yield from _kinds(item, path)
        yield from _unknown_targets(item, path, known)
        name = item.get("name")
        if isinstance(name, str) and name in seen:
            message = f"the name '{name}' is taken by the item on line {seen[name]}"
            yield ConfigFinding((*path, "name"), message)
        elif isinstance(name, str):
            seen[name] = document.line((*path, "name"))


def _kinds(item: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    kinds = [kind for kind in KINDS if item.get(kind) is not None]
    if not kinds:
        yield ConfigFinding(
            path, f"missing channel: expected one of these keys: {', '.join(KINDS)}"
        )
    elif len(kinds) > 1:
        found = " and ".join(kinds)
        yield ConfigFinding(
            path, f"expected one channel, found {found}; write one list item for each"
        )


def _unknown_targets(
    item: dict[str, Any], path: Path, known: set[object]
) -> Iterator[ConfigFinding]:
    wanted = item.get("targets")
    for index, name in enumerate(wanted if isinstance(wanted, list) else []):
        if isinstance(name, str) and name not in known:
            yield ConfigFinding((*path, "targets", index), f"no target has the name '{name}'")


def named(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels, each with a unique name."""
    return tuple(
        channel if channel.name else channel.model_copy(update={"name": f"{channel.kind}-{number}"})
        for number, channel in enumerate(channels, start=1)
    )
