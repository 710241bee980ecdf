"""argparse, with suggestions for mistyped words and one place for `-c`.

Completion and the man page are made from the parser.
"""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from restorecheck.hosts.cli.target_names import nearest

CONFIG = "-c"


class Parser(argparse.ArgumentParser):
    """One command, or the whole command line."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # what argparse takes
        settings["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **settings)

    @property
    def commands(self) -> dict[str, "Parser"]:
        """The commands below this one, by name."""
        found = [a for a in self._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001  # as below
        return dict(found[0].choices) if found else {}

    @property
    def options(self) -> list[argparse.Action]:
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        return [action for action in shown if action.option_strings]

    @property
    def arguments(self) -> list[argparse.Action]:
        """The positional arguments, without the commands below this one."""
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        return [a for a in shown if not (a.option_strings or a.dest in {"command", "action"})]

    def option(self, text: str) -> argparse.Action | None:
        return next((action for action in self.options if text in action.option_strings), None)

    def chosen(self, words: Sequence[str]) -> "Parser":
        """The parser of the command with these words."""
        parser = self
        for word in words:
            parser = parser.commands.get(word, parser)
        return parser

    def read(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parse the command line; a wrong one ends the process with status 2 and a suggestion."""
        arguments, unknown = self.parse_known_args(argv)
        action = getattr(arguments, "action", None)
        chosen = self.chosen([arguments.command, *([action] if isinstance(action, str) else [])])
        if unknown:
            chosen.refuse(unknown[0], self)
        if arguments.config is not None and not chosen.option(CONFIG):
            chosen.error(f"this command reads no configuration: leave out {CONFIG}")
        return arguments

    def refuse(self, word: str, whole: "Parser") -> NoReturn:
        """Raises SystemExit: `word` is neither an option of this command nor an argument."""
        if not word.startswith("-"):
            self.error(
                f"unexpected argument {word!r}; write all arguments together, before or after the options"
            )
        name = word.partition("=")[0]
        if self.option(name):
            self.error(f"the option {name} belongs after the command")
        known = [text for each in (*self.options, *whole.options) for text in each.option_strings]
        self.error(f"no option {name!r}{nearest(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401  # as argparse has it
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        guess = nearest(str(value), known) or f"; known: {', '.join(known)}"
        if action.dest in {"command", "action"}:
            raise argparse.ArgumentError(None, f"no command {value!r}{guess}")
        raise argparse.ArgumentError(action, f"no choice {value!r}{guess}")
