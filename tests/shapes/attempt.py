"""`python -m tests.shapes.attempt DUMP …`: holds what is proposed for any dump at hand against thirty nights, and damage.

The dump is restored into a throw-away server of the tests, twice: as it is (nothing new for years, perhaps,
and then an application that writes into it), and with all times moved to the present.
Prints one line for each, with the nights in which a required check failed, and the score of `prove`.
"""

import argparse
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.checks.propose.proposal import propose
from restorecheck.checks.registry import BUILT_INS
from restorecheck.config import proposed
from restorecheck.model import Noticed
from tests import pg
from tests.damage.proving import admit_checker, profile_of, proposed_specs, prover
from tests.reading import alarms, ask, connection_to, database
from tests.shapes.growing import Grower

ONLY_THESE = dict.fromkeys(kind.name for kind in BUILT_INS)
NEW_ROWS, NEW_WORDS, PURGE = 9, 12, 15
"""Nights in which something happens that does not happen every day."""
BEGIN = datetime(2026, 3, 1, 3, tzinfo=UTC)
"""A night to Sunday."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.shapes.attempt", description=__doc__)
    parser.add_argument("dumps", nargs="+", metavar="DUMP", type=Path, help="of pg_dump -Fc or -Ft")
    parser.add_argument("--role", action="append", default=[], help="a role that the dump wants")
    parser.add_argument("--show", action="store_true", help="print the proposed block")
    parser.add_argument("--no-proof", action="store_true", help="nights only")
    parser.add_argument("--nights", type=int, default=30, help="0: the proof only")
    parser.add_argument("--as", dest="kinds", choices=["is", "living"], action="append")
    chosen = parser.parse_args(arguments)
    bad = 0
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select") as source:
        admit_checker(source, "postgres")
        for role in chosen.role:
            source.sql(f'create role "{role}"', "postgres")
        for dump in chosen.dumps:
            for kind in chosen.kinds or ["is", "living"]:
                bad += _attempted(source, dump, kind, chosen)
    return 1 if bad else 0


def _attempted(source, dump: Path, kind: str, chosen: argparse.Namespace) -> bool:
    with database(source, "attempt", "") as name:
        inside = source.places.sockets / "attempt.dump"
        inside.write_bytes(dump.read_bytes())
        inside.chmod(0o644)
        source.run("pg_restore", f"--dbname={name}", "--no-owner", str(inside))
        inside.unlink()
        if kind == "living":
            with connection_to(source, name) as connection:
                Grower(connection).live_until(BEGIN)
        profile = profile_of(source, name, BEGIN)
        if chosen.show:
            print(proposed.block(propose(profile)))
        specs = proposed_specs(profile)
        score = "" if chosen.no_proof else _proof(source, name, specs)
        failed = _nights(source, name, specs, profile, chosen.nights)
    required = sum(1 for s in specs if s.severity == "required")
    loud = {n: w for n, w in failed.items() if any(a.startswith("FAILED") for a in w)}
    print(
        f"{dump.stem} as it {'is' if kind == 'is' else 'would live'}: {len(profile.tables)} tables, "
        f"{len(specs)} checks ({required} required); {len(loud)} nights failed; {score}",
        flush=True,
    )
    told = defaultdict(list)
    for night, what in failed.items():
        for text in what:
            told[text.partition(": ")[0]].append((night, text.partition(": ")[2]))
    for text, nights in told.items():
        print(f"    {text}: {len(nights)} nights from {nights[0][0]}: {nights[0][1]}", flush=True)
    return bool(loud)


def _proof(source, name, specs) -> str:
    proof = prover(source, name, specs, taken_at=BEGIN).prove()
    seeable = [d for d in proof.tried if not d.needs_contents]
    yours = [d for d in seeable if d.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING}]
    missed = "".join(f"\n    missed: {d.kind} ({d.what})" for d in seeable if d not in yours)
    return f"sees {len(yours)} of {len(seeable)} ({100 * len(yours) / max(1, len(seeable)):.0f} %){missed}"


def _nights(source, name, specs, profile, nights) -> dict[int, list[str]]:
    severity = {s.name: s.severity for s in specs}
    failed: dict[int, list[str]] = {}
    found, before = ask(source, name, specs, suite=ONLY_THESE, taken_at=BEGIN)
    failed[0] = [f"FAILED {n}: {text}" for n, text in alarms(found).items()]
    with connection_to(source, name) as connection:
        grower = Grower(connection, profile.references)
        rows = grower.rows
        for night in range(1, nights + 1):
            at = BEGIN + timedelta(days=night)
            grower.day(at)
            if night == NEW_ROWS:
                grower.one_more_everywhere(at)
            if night == NEW_WORDS:
                grower.say_something_new()
            purged = grower.purge() if night == PURGE else set()
            if purged:
                print(f"  purged in night {night}: {', '.join(sorted(purged))}")
            found, before = ask(source, name, specs, before=before, suite=ONLY_THESE, taken_at=at)
            told = {
                n: text
                for n, text in alarms(found).items()
                if n not in {f"row count of {table}" for table in purged}
            }
            if told:
                failed[night] = [
                    f"{'FAILED' if severity[n] == 'required' else 'warning'} {n}: {text.split(': ', 1)[1][:110]}"
                    for n, text in told.items()
                ]
        print(f"  {rows:,} rows, {grower.rows:,} after {nights} days")
    return {night: what for night, what in failed.items() if what}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
