"""Words of commands for a POSIX shell. A value that the configuration refers to is never printed: the reference is."""

import shlex
from collections.abc import Iterable, Mapping


class Shell:
    """`references`: value → the reference in the configuration, `NAME` or `file:/path`."""

    def __init__(self, references: Mapping[str, str]) -> None:
        # The longest first: a value may contain another one.
        self._references = dict(sorted(references.items(), key=lambda item: -len(item[0])))
        self.variables: set[str] = set()
        """Variables that the quoted words need."""

    def quote(self, text: str) -> str:
        """One word."""
        return self._quote(text) or "''"

    def join(self, words: Iterable[str]) -> str:
        return " ".join(map(self.quote, words))

    def _quote(self, text: str) -> str:
        for value, reference in self._references.items():
            if value and value in text:
                before, _, after = text.partition(value)
                return f"{self._quote(before)}{self._refer(reference)}{self._quote(after)}"
        return shlex.quote(text) if text else ""

    def _refer(self, reference: str) -> str:
        if reference.startswith("file:"):
            return f'"$(cat {shlex.quote(reference.removeprefix("file:"))})"'
        self.variables.add(reference)
        return f'"${reference}"'
