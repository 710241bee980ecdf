"""`python -m restorecheck`."""

import sys

from restorecheck.hosts.cli import main

if __name__ == "__main__":
    sys.exit(main())
