"""The manual page, from the parser. Pure."""

import argparse
from collections.abc import Iterator

from restorecheck import __version__
from restorecheck.hosts.cli.parser import Parser

ENVIRONMENT = {
    "RESTORECHECK_CONFIG": "Path of the configuration, if -c is not given.",
    "RESTORECHECK_LOG": "Level of the log on stderr: debug, info, warning or error.",
    "RESTORECHECK_SOURCE": "Connection string of the source, for `restorecheck manifest`.",
    "NO_COLOR": "No colours, even on a terminal.",
}


def render(parser: Parser) -> str:
    """The page in the language of man(7)."""
    lines = [
        f'.TH RESTORECHECK 1 "" "restorecheck {__version__}"',
        *_section("NAME", r"restorecheck \- prove that a database backup restores"),
        *_section(
            "SYNOPSIS", r"\fBrestorecheck\fR [OPTION]... \fICOMMAND\fR [OPTION]... [ARGUMENT]..."
        ),
        *_section("DESCRIPTION", _text(parser.description or "")),
        ".SH OPTIONS",
        *_options(parser),
        ".SH COMMANDS",
        *_commands(parser),
        ".SH ENVIRONMENT",
    ]
    for name, meaning in ENVIRONMENT.items():
        lines += [".TP", rf"\fB{name}\fR", _text(meaning)]
    lines += _section(
        "FILES", r"\fIrestorecheck.yaml\fR in the working directory: the configuration."
    )
    return "\n".join(lines) + "\n"


def _section(name: str, text: str) -> list[str]:
    return [f".SH {name}", text]


def _commands(parser: Parser) -> Iterator[str]:
    for child in parser.commands.values():
        yield f".SS {_text(child.prog)}"
        yield _text(child.description or "")
        if child.commands:
            yield from _commands(child)
            continue
        yield from (".PP", rf"\fB{_text(child.prog)}\fR {_text(_synopsis(child))}")
        for argument in child.arguments:
            yield from _item(rf"\fI{_text(str(argument.metavar or argument.dest))}\fR", argument)
        yield from _options(child, besides="--help")
        if child.epilog:
            yield from (
                ".PP",
                ".nf",
                *(_text(line) for line in child.epilog.strip().splitlines()),
                ".fi",
            )


def _synopsis(command: Parser) -> str:
    words = ["[OPTION]..."]
    for argument in command.arguments:
        name, many = str(argument.metavar or argument.dest), argument.nargs == "*"
        optional = argument.nargs is not None and not name.startswith("[")
        words.append((f"[{name}]" if optional else name) + ("..." if many else ""))
    return " ".join(words)


def _options(parser: Parser, *, besides: str = "") -> Iterator[str]:
    for option in parser.options:
        if besides in option.option_strings:
            continue
        names = ", ".join(rf"\fB{_text(name)}\fR" for name in option.option_strings)
        yield from _item(f"{names}{_value(option)}", option)


def _value(option: argparse.Action) -> str:
    if option.nargs == 0:
        return ""
    choices = "|".join(map(str, option.choices or ()))
    return rf" \fI{_text(str(option.metavar or choices or option.dest.upper()))}\fR"


def _item(name: str, action: argparse.Action) -> list[str]:
    return [".TP", name, _text((action.help or "").replace("%%", "%"))]


def _text(text: str) -> str:
    """Escapes the characters that are roff commands."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(
        rf"\&{line}" if line[:1] in {".", "'"} else line for line in plain.splitlines()
    )
