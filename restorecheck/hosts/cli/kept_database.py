"""How to use and delete a database that `--keep` left running."""

import shlex

from restorecheck.model import Drill, TeardownOutcome
from restorecheck.postgres.session import libpq

NO_PASSWORD = "".join(f"{key}={libpq.VARIABLES[key]} " for key in ("PGPASSFILE", "PGREQUIREAUTH"))


def how_to_connect(drill: Drill) -> str:
    """How to connect and how to delete it; empty: nothing was kept. Never shows a password."""
    endpoint = drill.endpoint
    if drill.teardown_outcome is not TeardownOutcome.KEPT or endpoint is None:
        return ""
    database = endpoint.databases[0] if endpoint.databases else "postgres"
    command = [
        # The psql that restorecheck uses may not be in the reader's PATH.
        drill.outputs.get("psql", "psql"),
        f"--host={endpoint.host}",
        f"--port={endpoint.port}",
        f"--username={endpoint.user}",
        f"--dbname={database}",
    ]
    # A throw-away server may have been replaced: do not send it the reader's password.
    told = NO_PASSWORD if "psql" in drill.outputs else ""
    lines = [f"  kept      connect:  {told}{shlex.join(command)}"]
    if endpoint.secret:
        read = ["aws", "secretsmanager", "get-secret-value", "--secret-id", endpoint.secret]
        lines.append(f"            password: {shlex.join(read)}")
    lines.append(f"            delete:   restorecheck sweep {drill.id}")
    return "\n" + "\n".join(lines) + "\n"
