"""`make bench`: how long each function takes to be imported, against an empty interpreter.

Without compiled files, as in a package: Lambda's first start pays for that once a container.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from restorecheck.hosts.cli.infra_export import FUNCTIONS

HANDLERS = Path(__file__).parents[2] / "lambda"
RUNS = 9


def importing(code: str) -> float:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-B", "-c", code],
            check=True,
            cwd=HANDLERS,
            env={**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"},
        )
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    bare = importing("pass")
    boto3 = importing("import boto3; boto3.Session()")
    print(
        f"import boto3                 {boto3 * 1e3:6.0f} ms   {boto3 / bare:5.1f} x python -c pass"
    )
    for function in FUNCTIONS:
        ours = importing(f"import {function}")
        print(f"import {function:<22}{ours * 1e3:6.0f} ms   {ours / boto3:5.2f} x import boto3")


if __name__ == "__main__":
    main()
