"""What a person needs to know of a database that was left up with `--keep`."""

import shlex

from restorecheck.model import Drill, TeardownOutcome


def how_to_connect(drill: Drill) -> str:
    """How to connect and how to end it; empty when nothing was kept. Never shows a password."""
    endpoint = drill.endpoint
    if drill.teardown_outcome is not TeardownOutcome.KEPT or endpoint is None:
        return ""
    command = [
        # The one that was found may not be on anybody's PATH.
        drill.outputs.get("psql", "psql"),
        f"--host={endpoint.host}",
        f"--port={endpoint.port}",
        f"--username={endpoint.user}",
        f"--dbname={endpoint.databases[0]}",
    ]
    return (
        f"\n  kept      connect:  {shlex.join(command)}\n"
        f"            end it:   restorecheck sweep {drill.id}\n"
    )
