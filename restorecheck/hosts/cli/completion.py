"""Completion for shells. The shell's script calls this program, which has the parser and the
configuration: a script with a fixed list of options would be outdated, and have no targets.
"""

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import shorten

import yaml

from restorecheck.config.files import MAX_BYTES, locate
from restorecheck.errors import ConfigError
from restorecheck.hosts.cli.parser import CONFIG, Parser

SCRIPTS = {
    # Without an answer readline completes names of files (-o default).
    "bash": """\
_restorecheck() {
    local IFS=$'\\n'
    COMPREPLY=($(restorecheck completion bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _restorecheck restorecheck
""",
    "zsh": """\
#compdef restorecheck
_restorecheck() {
    local -a found
    found=("${(@f)$(restorecheck completion zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n $found[1] ]]; then _describe restorecheck found; else _files; fi
}
if [[ $funcstack[1] == _restorecheck ]]; then _restorecheck "$@"; else compdef _restorecheck restorecheck; fi
""",
    "fish": """\
function __restorecheck
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found (restorecheck completion fish $words[2..] "$current" 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c restorecheck -f -a '(__restorecheck)'
""",
}
SAID = 60
"""Characters of a description; further words are left out."""
_NAME = re.compile(r"[A-Za-z0-9-]+")
_WORD = re.compile(r"\b[a-z]+\b")

Candidate = tuple[str, str]
"""A word and its description, which may be empty."""


def run(parser: Parser, arguments: argparse.Namespace) -> int:
    """Print the script, or the candidates for the last word."""
    if not arguments.words:
        print(SCRIPTS[arguments.shell], end="")
    for word, meaning in _candidates(parser, arguments.words) if arguments.words else ():
        print(_written(word, meaning, arguments.shell))
    return 0


def _written(word: str, meaning: str, shell: str) -> str:
    said = shorten(meaning, SAID, placeholder=" …")
    match shell:
        case "fish":
            return f"{word}\t{said}"
        case "zsh":
            return f"{word}:{said}" if said else word
        case _:
            return word


def _candidates(whole: Parser, words: Sequence[str]) -> Iterator[Candidate]:
    """`words`: all after `restorecheck`; the last one is incomplete and may be empty."""
    # bash splits --format=html into three words.
    before, current = [word for word in words[:-1] if word != "="], words[-1].removeprefix("=")
    here, named, config = whole, 0, None
    taking: argparse.Action | None = None
    for word in before:
        if taking is not None:
            config = word if CONFIG in taking.option_strings else config
            taking = None
        elif word.startswith("-"):
            taking = here.option(word)
        elif word in here.commands:
            here = here.commands[word]
        else:
            named += 1
        if taking is not None and taking.nargs == 0:
            taking = None
    name, is_value, _ = current.partition("=")
    prefix = f"{name}=" if is_value else ""
    if is_value:
        taking = here.option(name)
    offered = _values(taking, config) if taking is not None else _next(here, named, current, config)
    for word, meaning in offered:
        if (prefix + word).startswith(current):
            yield prefix + word, meaning


def _next(here: Parser, named: int, current: str, config: str | None) -> Iterable[Candidate]:
    """Candidates: commands, arguments, or else options."""
    options = [(text, each.help or "") for each in here.options for text in each.option_strings]
    if current.startswith("-"):
        return options
    if here.commands:
        return [(name, child.description or "") for name, child in here.commands.items()]
    arguments = here.arguments
    if not arguments:
        return options
    return _values(arguments[min(named, len(arguments) - 1)], config) or options


def _values(action: argparse.Action, config: str | None) -> list[Candidate]:
    """Values of an option or argument; none for a file, which the shell completes."""
    if action.choices is not None:
        return [(str(choice), "") for choice in action.choices]
    metavar = str(action.metavar)
    words = _WORD.findall(metavar)
    targets = _targets(config) if "TARGET" in metavar else []
    return [(word, "") for word in (*words, *targets)]


def _targets(config: str | None) -> list[str]:
    """Names in the configuration, even an invalid one; none if it cannot be read."""
    try:
        path = locate(config, os.environ)
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return []
        written = yaml.safe_load(path.read_text())
        names = [target.get("name") for target in written["targets"] if isinstance(target, dict)]
    except (ConfigError, OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return []
    return [name for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
