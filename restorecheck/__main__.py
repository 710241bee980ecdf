"""`python -m restorecheck`."""

import sys

from restorecheck.hosts.cli.arguments import main

if __name__ == "__main__":
    sys.exit(main())
