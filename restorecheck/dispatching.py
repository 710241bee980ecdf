"""Which host can run which target. Pure: labels in, an answer out."""

from collections.abc import Collection, Mapping

Labels = Mapping[str, Collection[str]]
"""What a host offers: `{"site": {"berlin"}, "postgresql": {"16", "17"}}`."""


def lacking(needs: Mapping[str, str], labels: Labels) -> tuple[str, ...]:
    """The needs of a target that a host does not meet, as `name=value`; empty: it can run the target."""
    return tuple(
        f"{name}={value}" for name, value in needs.items() if value not in labels.get(name, ())
    )


def labels_of(written: Collection[str]) -> dict[str, frozenset[str]]:
    """Of `site=berlin` and `postgresql=16,17`.

    Raises:
        ValueError: with the text that is not a label.
    """
    labels: dict[str, frozenset[str]] = {}
    for text in written:
        name, _, values = text.partition("=")
        found = frozenset(filter(None, values.split(",")))
        if not name or not found:
            raise ValueError(text)
        labels[name] = labels.get(name, frozenset()) | found
    return labels
