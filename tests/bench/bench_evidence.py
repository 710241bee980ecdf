"""`make bench`: the evidence pack of 365 nights of 50 targets, signed: its time and its size."""

import sqlite3
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time

from restorecheck.evidence import statements
from restorecheck.history import sha256_of
from restorecheck.hosts.cli.arguments import main
from restorecheck.sql.moments import stamp
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sqlite.store import SqliteStore
from tests.bench.bench_history import filled_in, report_of
from tests.factories import NOW
from tests.signed import Key

NIGHTS, TARGETS = 365, 50
TOOK = timedelta(minutes=10)
MOST_SECONDS, MOST_BYTES = 10.0, 5_000_000


def fill(path: Path) -> None:
    SqliteStore(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma synchronous = off")
    db.execute("begin")
    previous, sequence = "", 0
    for night in range(NIGHTS):
        at = NOW - timedelta(days=NIGHTS - night)
        text = report_of(at, large=False)
        for number in range(TARGETS):
            sequence += 1
            name, drill = f"target-{number:02}", f"{at:%Y%m%d-%H%M%S}-{sequence:06x}"
            report = filled_in(text, name, drill, sequence, previous)
            verdict = "verified"
            if (night * 7 + number) % 97 == 0:
                verdict = "failed"
                report = report.replace('"verdict":"verified"', '"verdict":"failed"')
            digest = sha256_of(report)
            begun, ended = stamp(at), stamp(at + TOOK)
            db.execute(
                "insert into drills values (?, ?, 9, ?, 1, 0, '', ?)", (drill, name, begun, begun)
            )
            db.execute(
                "insert into reports values (?, ?, ?, ?, ?, ?, ?, 0, 1, ?, ?, null, ?, 'newest')",
                (sequence, drill, name, verdict, begun, ended, begun, previous, digest, report),
            )
            db.execute("insert into slots values (?, ?, null, null, null)", (name, begun))
            previous = digest
    db.execute("commit")
    db.close()


def sign(path: Path, key: Key) -> None:
    store = SqliteStore(path)
    proofs = SqlProofs(store.database)
    scribe = key.scribe()
    assert len(proofs.unsigned()) == 1, "the newest one shows that the history is not signed"
    with store.database.transaction():
        for entry in store.entries():
            each = scribe.sign(statements.of_report(entry, NOW))
            store.database.execute(
                "insert into signatures values (?, ?, '')", (entry.sequence, each.envelope)
            )
    store.close()


def bench() -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = Key()
        key.write(folder)
        targets = "".join(
            f"  - {{name: target-{number:02}, dump: {{path: b}}}}\n" for number in range(TARGETS)
        )
        config = folder / "restorecheck.yaml"
        config.write_text(
            f"version: 1\ntargets:\n{targets}history: {{path: {folder}/history.sqlite,"
            f" sign: {{key: '${{file:{folder}/sign.pem}}'}}}}\n"
        )
        fill(folder / "history.sqlite")
        sign(folder / "history.sqlite", key)
        began, computed = perf_counter(), process_time()
        words = ["history", "evidence", "-c", str(config), "-o", str(folder / "pack")]
        code = main([*words, "--from", "2025-02-27", "--to", "2026-02-26", "--seed", "auditor"])
        seconds, used = perf_counter() - began, process_time() - computed
        files = {path.name: path.stat().st_size for path in (folder / "pack").iterdir()}
    total = sum(files.values())
    print(
        f"{NIGHTS * TARGETS} drills: {seconds:.1f} s ({used:.1f} s of a processor), {total / 1e6:.1f} MB, exit {code}: {files}"
    )
    return code == 0 and used < MOST_SECONDS and total < MOST_BYTES


if __name__ == "__main__":
    sys.exit(not bench())
