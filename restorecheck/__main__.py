"""The command; also `python -m restorecheck`. Signal handlers first: the other imports take time."""

import sys

from restorecheck.hosts.process import signals


def main() -> int:
    signals.leave_at_once()
    try:
        from restorecheck.hosts.cli.arguments import main as command  # noqa: PLC0415  # after the handlers

        return command()
    except KeyboardInterrupt:
        return signals.INTERRUPTED
    finally:
        signals.leave_at_once()


if __name__ == "__main__":
    sys.exit(main())
