"""`make bench`: how long each function takes to be imported, against an empty interpreter.

With compiled files, as in a package that the functions' own Python has made, and without, as in one that
another Python has made. A cold start of Lambda pays for this once for each container.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from restorecheck.hosts.cli.infra_export import FUNCTIONS
from tests.bench.measured import Row, note

HANDLERS = Path(__file__).parents[2] / "lambda"
RUNS = 9


def importing(code: str, compiled: Path | None = None) -> float:
    """Seconds. `compiled`: a folder for compiled files; None: without them."""
    seconds = []
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1", "PYTHONDONTWRITEBYTECODE": "1"}
    if compiled is not None:
        environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(compiled)}
    else:
        environment["PYTHONPYCACHEPREFIX"] = os.devnull
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            cwd=HANDLERS,
            env=environment,
        )
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    bare = importing("pass")
    boto3 = importing("import boto3; boto3.Session()")
    print(
        f"import boto3                 {boto3 * 1e3:6.0f} ms   {boto3 / bare:5.1f} x python -c pass"
    )
    with tempfile.TemporaryDirectory() as folder:
        for function in FUNCTIONS:
            ours = importing(f"import {function}")
            compiled = importing(f"import {function}", Path(folder))
            print(
                f"import {function:<22}{ours * 1e3:6.0f} ms   {ours / boto3:5.2f} x import boto3;"
                f" compiled {compiled * 1e3:6.0f} ms, {compiled / ours:4.2f} x"
            )
            note(
                Row(
                    part="cold start",
                    what=f"import {function}, compiled",
                    beside="import boto3",
                    seconds=compiled,
                    wall=compiled / boto3,
                )
            )


if __name__ == "__main__":
    main()
