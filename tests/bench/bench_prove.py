"""`make bench`: how long it takes to put checks to the proof, in runs of the checks themselves.

On the database of `bench_checks.py`, with the checks that are proposed for it. One run is what a night
asks: every drill's own checks and the configured ones, over several connections.
"""

import os
import time

from restorecheck.checks.damage.kinds import LOGICAL
from restorecheck.checks.propose.proposal import propose
from restorecheck.model import Noticed
from restorecheck.postgres.dump import preparation
from tests import pg
from tests.bench.bench_checks import NAME, Stage, medians
from tests.bench.measured import Row, note
from tests.damage.proving import admit_checker, profile_of, proposed_specs, prover


def main() -> None:
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as source:
        stage = Stage(source)
        admit_checker(source, NAME)
        profile = profile_of(source, NAME)
        chosen = proposed_specs(profile)
        print(
            f"PostgreSQL {installation.version}, {len(stage.tables)} tables, {stage.bytes / 1e9:.2f} GB,"
            f" {len(propose(profile))} checks proposed, {os.cpu_count()} processors"
        )
        once = prover(source, NAME, chosen, user=preparation.CHECKER_ROLE)
        seconds = medians({"one": once._read_all}, times=3)["one"]
        whole = prover(source, NAME, chosen, user=preparation.CHECKER_ROLE)
        began = time.perf_counter()
        whole._tell = lambda text: print(
            f"{time.perf_counter() - began:8.2f} s  {text}", flush=True
        )
        proof = whole.prove(list(LOGICAL))
        note(
            Row(
                part="prove",
                what=f"{len(proof.tried)} damages",
                beside="one run of all checks",
                seconds=proof.seconds,
                wall=proof.seconds / seconds,
            )
        )
        print(f"one run of all checks {seconds:8.2f} s")
        print(
            f"{len(proof.tried)} damages         {proof.seconds:8.2f} s   {proof.seconds / seconds:6.2f} x one run"
        )
        print(
            f"seen {proof.seen}; not by them: "
            + ", ".join(
                f"{d.kind} ({d.noticed} {d.what})"
                for d in proof.damages
                if d.noticed not in {Noticed.YOURS, Noticed.YOURS_WARNING}
            )
        )


if __name__ == "__main__":
    main()
