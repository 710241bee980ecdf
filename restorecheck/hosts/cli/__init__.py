"""The command line: its arguments, and one file for each command."""

from restorecheck.hosts.cli.arguments import main

__all__ = ["main"]
