"""The evidence pack, read as an auditor reads it, and attacked."""

import base64
import csv
import hashlib
import importlib
import io
import json
import random
import shutil
import sqlite3
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import structlog
import time_machine

from restorecheck.evidence import statements
from restorecheck.evidence.notes import NoteKind, write
from restorecheck.model import Verdict
from restorecheck.schedule import Schedule
from restorecheck.signing import envelopes
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sqlite.store import SqliteStore
from tests.factories import BACKUP, SERVER
from tests.integration.test_queries import BAD, DAY, HOUR, NOW, OK, UNCLEAR
from tests.integration.test_signed_history import Signed, ask
from tests.missing import missing, need
from tests.signed import Key

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)> & \"'\u202e\x1b[31m"
HISTORY = ("history", "evidence", "--from", "2026-02-01", "--to", "2026-02-28")


@pytest.fixture(autouse=True)
def _logging():
    yield
    structlog.reset_defaults()


@pytest.fixture
def past(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with time_machine.travel(NOW, tick=False):
        made = Signed(tmp_path)
        made.drill("courses", OK, 9 * DAY)
        for night in (5, 4, 3, 2):
            made.drill("courses", BAD if night in {4, 3} else OK, night * DAY)
            made.drill("orders", UNCLEAR if night == 3 else OK, night * DAY)
        made.drill("retired", OK, 2 * DAY)
        yield made


class Pack:
    def __init__(self, capsys, *words, folder="pack"):
        self.code, self.out, self.err = ask(capsys, *HISTORY, "-o", folder, *words)
        self.folder = Path(folder)
        if not (self.folder / "SHA256SUMS").exists():
            return
        self.page = (self.folder / "evidence.html").read_text()
        self.json = json.loads((self.folder / "evidence.json").read_text())
        with zipfile.ZipFile(self.folder / "drills.zip") as archive:
            self.inner = {name: archive.read(name).decode() for name in archive.namelist()}
        self.rows = list(csv.DictReader(io.StringIO(self.inner["drills.csv"])))
        self.text = text_of(self.page)


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs), attrs

    def handle_data(self, data):
        self.found.append(data)


def text_of(page):
    parser = _Text()
    parser.feed(page)
    assert not parser.tags & {"script", "img", "iframe", "link", "object"}, parser.tags
    return " ".join(" ".join(parser.found).split())


# --- what an auditor asks for -------------------------------------------------------------------


def test_the_pack_has_the_scope_every_drill_and_what_was_no_target(past, capsys):
    found = [
        {"rule": "RC701", "resource": "forgotten-db", "outcome": "problem",
         "found": "no target of the configuration copies this database out of the account"},
        {"rule": "RC701", "resource": "orders", "outcome": "ok", "found": "3 copies"},
    ]  # fmt: skip
    (past.directory / "audit.json").write_text(json.dumps({"findings": found}))

    pack = Pack(capsys, "--found", "audit.json")

    assert pack.code == 0, pack.err
    assert [each["name"] for each in pack.json["scope"]] == ["courses", "orders", "retired"]
    assert pack.json["scope"][2]["configured"] is False
    assert pack.json["found_and_not_configured"]["databases"] == ["forgotten-db"]
    assert "forgotten-db" in pack.text
    assert len(pack.rows) == 10
    assert "No longer configured, with drills in the period: retired" in pack.text


def test_each_drill_has_verdict_backup_times_objectives_identity_hash_and_signature(past, capsys):
    pack = Pack(capsys)
    row = pack.rows[0]

    assert (row["verdict"], row["backup"], row["signature"]) == (
        "verified",
        "/backups/courses.dump",
        "valid",
    )
    assert (row["restored_identity"], row["rpo"], row["checks_passed"]) == (
        "7000/16384",
        "not asked",
        "1",
    )
    assert row["rpo_seconds"] != ""
    assert row["sha256"] == pack.rows[1]["previous_sha256"]
    assert row["signed_with"] == past.key.id[:16]


def test_deviations_have_cause_correction_and_when_it_was_proven_again(past, capsys):
    ask(capsys, "history", "note", "d-4", "--why", "the disk was full; enlarged", "--by", "Ann")

    pack = Pack(capsys)

    found = {each["drill_id"]: each for each in pack.json["deviations"]}
    assert set(found) == {"d-4", "d-6", "d-7"}
    assert found["d-4"]["notes"] == [1]
    assert found["d-6"]["proven_again"] == "d-8"
    assert "the disk was full; enlarged" in pack.text
    assert "by Ann" in pack.text
    assert pack.text.count("No cause is recorded.") == 2


def test_what_was_left_behind_is_a_deviation_of_a_verified_drill(past, capsys):
    past.drill("orders", OK, HOUR, ledger=(SERVER,))

    assert Pack(capsys).json["deviations"][-1]["verdict"] == "verified"


def test_nights_without_a_drill_are_listed_with_their_reasons(past, capsys):
    past.skip("orders", 2 * DAY + HOUR, "skipped: the previous drill was still running")
    pack = Pack(capsys)

    gaps = pack.json["nights_without_a_drill"]
    of = {name: [g for g in gaps if g["target"] == name] for name in ("courses", "orders")}
    assert [(g["first"], g["nights"]) for g in of["courses"]] == [
        ("2026-02-19", 3),
        ("2026-02-26", 2),
    ]
    assert of["orders"][0]["reason"] == "skipped: the previous drill was still running"
    assert "skipped: the previous drill was still running" in pack.text


def test_times_after_the_last_look_of_the_runner_are_nights_without_a_reason(past, capsys):
    store = SqliteStore(past.database)
    agenda = Agenda(store.database)
    nightly = Schedule(cron="15 3 * * *", timezone="UTC")
    agenda.note("orders", nightly, NOW - 3 * DAY, [])
    store.close()

    (gap,) = [g for g in Pack(capsys).json["nights_without_a_drill"] if g["target"] == "orders"]

    assert (gap["first"], gap["last"], gap["nights"]) == ("2026-02-25", "2026-02-27", 3)
    assert gap["reason"].startswith("no drill and no reason recorded")


def test_the_sample_is_drawn_again_by_anyone(past, capsys):
    first = Pack(capsys, "--sample", "3", "--seed", "auditor", folder="one")
    larger = Pack(capsys, "--sample", "5", "--seed", "auditor", folder="two")
    other = Pack(capsys, "--sample", "3", "--seed", "other", folder="three")

    def lowest(size, seed):
        ids = [row["drill_id"] for row in first.rows]
        return sorted(ids, key=lambda d: hashlib.sha256(f"{seed} {d}".encode()).hexdigest())[:size]

    assert first.json["sample"]["drills"] == lowest(3, "auditor")
    assert larger.json["sample"]["drills"][:3] == first.json["sample"]["drills"]
    assert other.json["sample"]["drills"] == lowest(3, "other")
    texts = [json.loads(line)["drill_id"] for line in first.inner["reports.jsonl"].splitlines()]
    assert set(texts) == {*first.json["sample"]["drills"], "d-4", "d-6", "d-7"}


def test_an_approval_is_a_signed_note_on_exactly_this_pack(past, capsys):
    plain = Pack(capsys, folder="one")
    assert "Not approved yet." in plain.text

    Pack(capsys, "--approved-by", "Eve Smith", "--target", "orders", folder="two")
    assert "Not approved yet." in Pack(capsys, folder="three").text

    pack = Pack(capsys, "--approved-by", "Bob, CISO", "--why", "read", folder="four")
    assert "Approved by Bob, CISO" in pack.text
    assert "Eve Smith" not in pack.text
    assert pack.json["approvals"] == [2]
    assert ask(capsys, "history", "verify", "--key", "sign.pub")[0] == 0


def test_a_pack_of_one_target_has_that_target_alone(past, capsys):
    pack = Pack(capsys, "--target", "orders")

    assert {row["target"] for row in pack.rows} == {"orders"}
    assert [each["name"] for each in pack.json["scope"]] == ["orders"]
    assert "only: orders" in pack.text


def test_the_requirements_have_sources_a_date_and_no_claim(past, capsys):
    pack = Pack(capsys)
    controls = pack.json["controls"]

    assert {c["id"] for c in controls["controls"]} >= {
        "A1.2", "A1.3", "A.8.13", "Art. 11(6)", "Art. 12(2)", "Art. 12(3)", "4.2.6", "CP-9(1)",
        "CP-9(2)", "11.5", "164.308(a)(7)(ii)(A), (B), (D)",
    }  # fmt: skip
    assert all(c["beyond"] and c["source"].startswith("https://") for c in controls["controls"])
    assert "claims no compliance" in pack.text


def test_a_pack_without_drills_says_so(past, capsys):
    pack = Pack(capsys, "--from", "2025-01-01", "--to", "2025-01-31")

    assert pack.code == 0
    assert pack.rows == []
    assert "0 of 0 drills verified" in pack.text
    assert [g["nights"] for g in pack.json["nights_without_a_drill"]] == []


@pytest.mark.parametrize(
    "words",
    [
        ["--from", "2026-03-01"],
        ["--from", "yesterday"],
        ["--sample", "-1"],
        ["--target", "order"],
        ["--found", "nowhere.json"],
        ["--key", "sign.pem"],
    ],
)
def test_a_pack_that_cannot_be_made_leaves_no_half_of_one(past, capsys, words):
    pack = Pack(capsys, *words)

    assert pack.code == 2
    assert not list(pack.folder.glob("*"))


def test_a_folder_with_files_in_it_is_not_written_to(past, capsys):
    assert Pack(capsys).code == 0
    assert Pack(capsys).code == 2
    assert ask(capsys, "history", "evidence", "-o", "x")[0] == 2


def test_a_pack_is_private(past, capsys):
    pack = Pack(capsys)

    assert {path.stat().st_mode & 0o777 for path in pack.folder.iterdir()} == {0o600}


def test_the_page_becomes_a_pdf(past, capsys):
    try:
        importlib.import_module("weasyprint")
    except (ImportError, OSError):
        missing("WeasyPrint and Pango", "apt-get install libpango-1.0-0 libpangoft2-1.0-0")
    pack = Pack(capsys, "--pdf")

    assert pack.code == 0, pack.err
    assert (pack.folder / "evidence.pdf").read_bytes().startswith(b"%PDF-")


def test_an_unsigned_history_makes_an_unsigned_pack_that_says_so(past, capsys):
    past.tamper("delete from signatures")
    past.configure()

    pack = Pack(capsys)

    assert pack.code == 0
    assert not (pack.folder / "SHA256SUMS.dsse").exists()
    assert "10 reports of the period not signed" in pack.text
    assert "not signed" in (pack.folder / "HOW-TO-VERIFY.txt").read_text()


def test_without_a_key_signatures_are_not_called_valid(past, capsys):
    past.configure()

    pack = Pack(capsys)

    assert {row["signature"] for row in pack.rows} == {"not checked"}
    assert "Signatures were not verified when this pack was made" in pack.text


# --- attacks ------------------------------------------------------------------------------------


def test_html_in_a_note_stays_text(past, capsys):
    ask(capsys, "history", "note", "d-4", "--why", ATTACK, "--by", ATTACK)
    pack = Pack(capsys, "--approved-by", ATTACK)

    assert pack.code == 0
    assert "<script>alert(1)</script>" in pack.text, "as text"
    assert "\x1b" not in pack.page
    assert "\u202e" not in pack.page


def test_a_cell_that_a_spreadsheet_would_compute_is_text(past, capsys):
    past.drill("orders", OK, HOUR, backup=replace(BACKUP, identifier='=HYPERLINK("http://x")'))

    assert Pack(capsys).rows[-1]["backup"].startswith("'=")


def test_a_clock_that_was_set_back_is_told(past, capsys):
    past.drill("orders", OK, 20 * DAY)

    pack = Pack(capsys)

    assert "The clock was set back: drill d-11 was stored after drill d-10" in pack.text

    past.drill("courses", OK, 400 * DAY)
    past.drill("courses", OK, HOUR)
    assert "ended outside of it, so that a clock was wrong: d-12" in Pack(capsys, folder="two").text


def test_a_history_with_flaws_makes_a_pack_that_says_so_first(past, capsys):
    past.tamper("update reports set target = 'orders' where sequence = 4")

    pack = Pack(capsys)

    assert pack.code == 1
    assert "The history has a flaw: report 4" in pack.text
    assert pack.rows[3]["target"] == "orders"
    assert pack.rows[3]["signature"] == "valid", "of the envelope; the flaw says what does not fit"


def check_sums(folder):
    return subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip


def signed_by(folder, key):
    """As HOW-TO-VERIFY.txt, 2."""
    found = envelopes.opened(
        (folder / "SHA256SUMS.dsse").read_text(errors="replace"), [key.verifier]
    )
    sums = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    return found.problem or statements.misfit_of_pack(found.payload, sums)


def holds(folder, key):
    text = (folder / "SHA256SUMS").read_bytes().decode(errors="replace")
    listed = {line[66:] for line in text.splitlines()}
    there = {path.name for path in folder.iterdir()} - {"SHA256SUMS", "SHA256SUMS.dsse"}
    return check_sums(folder).returncode == 0 and listed == there and signed_by(folder, key) == ""


def test_every_changed_byte_of_a_pack_is_found_or_changes_nothing(past, capsys):
    """Of each file some bytes, one at a time. Harmless are bits of base64 that the encoding does not use,
    and the case of a hexadecimal digit: the decoded values are the same.
    """
    need(shutil.which("sha256sum"), "sha256sum", "apt-get install coreutils")
    pack = Pack(capsys)
    assert holds(pack.folder, past.key)
    dice = random.Random(27)
    harmless = 0
    for path in sorted(pack.folder.iterdir()):
        content = path.read_bytes()
        for place in dice.sample(range(len(content)), min(len(content), 12)):
            changed = bytearray(content)
            changed[place] ^= 1 << dice.randrange(8)
            path.write_bytes(changed)
            if holds(pack.folder, past.key):
                assert path.name == "SHA256SUMS.dsse", (path.name, place)
                harmless += 1
        path.write_bytes(content)
    assert harmless < 4
    assert holds(pack.folder, past.key)


def test_forged_cut_and_foreign_packs_do_not_hold(past, capsys):
    pack, other = Pack(capsys), Pack(capsys, "--target", "orders", folder="other")
    for change in (
        lambda f: (f / "drills.zip").unlink(),
        lambda f: (f / "more.txt").write_text("x"),
        lambda f: shutil.copy(other.folder / "drills.zip", f / "drills.zip"),
        lambda f: shutil.copy(other.folder / "SHA256SUMS", f / "SHA256SUMS"),
        lambda f: (f / "SHA256SUMS.dsse").write_text("{}"),
        lambda f: shutil.copy(other.folder / "SHA256SUMS.dsse", f / "SHA256SUMS.dsse"),
        _resigned,
    ):
        copy = shutil.copytree(pack.folder, past.directory / "copy")
        change(copy)
        assert not holds(copy, past.key)
        shutil.rmtree(copy)


def _resigned(folder):
    """Everything anew and consistent, by somebody with another key."""
    page = folder / "evidence.html"
    page.write_text(page.read_text().replace("failed", "verified"))
    names = sorted({p.name for p in folder.iterdir()} - {"SHA256SUMS", "SHA256SUMS.dsse"})
    sums = "".join(f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names)
    (folder / "SHA256SUMS").write_text(sums)
    payload = statements.of_pack(hashlib.sha256(sums.encode()).hexdigest(), {}, NOW)
    (folder / "SHA256SUMS.dsse").write_text(Key().scribe().sign(payload).envelope)


def test_reports_in_a_pack_are_tied_to_their_line_and_to_their_signature(past, capsys):
    """By nothing but the pack and the public key, as HOW-TO-VERIFY.txt says."""
    pack = Pack(capsys)
    hashes = {row["drill_id"]: row["sha256"] for row in pack.rows}
    signed = {}
    for line in pack.inner["signatures.jsonl"].splitlines():
        envelope = json.loads(line)["envelope"]
        found = envelopes.opened(json.dumps(envelope), [past.key.verifier])
        assert found.problem == ""
        statement = json.loads(base64.b64decode(envelope["payload"]))
        signed[statement["predicate"]["drill_id"]] = statement["subject"][0]["digest"]["sha256"]

    for line in pack.inner["reports.jsonl"].splitlines():
        report = json.loads(line)
        assert hashlib.sha256(line.encode()).hexdigest() == hashes[report["drill_id"]]
    assert signed == hashes


def test_every_changed_byte_of_a_stored_history_is_found(past, capsys):
    """Of the texts, hashes and envelopes of the database: each at sampled places."""
    dice = random.Random(28)
    columns = [
        ("reports", "report"), ("reports", "sha256"), ("reports", "previous_sha256"),
        ("reports", "target"), ("reports", "verdict"), ("notes", "text"), ("notes", "sha256"),
        ("note_signatures", "envelope"), ("signatures", "envelope"),
    ]  # fmt: skip
    ask(capsys, "history", "note", "d-4", "--why", "the disk was full", "--by", "Ann")
    past.tamper()
    harmless = 0
    for table, column in columns:
        db = sqlite3.connect(past.database)
        rows = db.execute(f"select rowid, {column} from {table} where {column} <> ''").fetchall()
        for _ in range(5):
            rowid, text = dice.choice(rows)
            place = dice.randrange(len(text))
            if column == "verdict":
                changed = "failed" if text == "verified" else "verified"
            else:
                flipped = chr(ord(text[place]) ^ 1)
                changed = text[:place] + flipped + text[place + 1 :]
            change = f"update {table} set {column} = ? where rowid = ?"
            db.execute(change, (changed, rowid))
            db.commit()
            if ask(capsys, "history", "verify", "--key", "sign.pub")[0] == 0:
                assert column == "envelope", (table, column, place)
                harmless += 1
            db.execute(change, (text, rowid))
            db.commit()
        db.close()
    assert harmless <= 1
    assert ask(capsys, "history", "verify", "--key", "sign.pub")[0] == 0


def test_a_note_on_a_drill_of_another_history_is_a_flaw_of_the_pack(past, capsys):
    store = SqliteStore(past.database)
    proofs = SqlProofs(store.database)
    proofs.note(
        lambda link: write(link, kind=NoteKind.NOTE, at=NOW, by="Ann", why="x", drill_id="d-4")
    )
    store.close()
    past.tamper("update notes set sha256 = 'x'")

    assert Pack(capsys).code == 1


def test_a_year_with_gaps_counts_every_night(past, capsys):
    """Drills of every third night only, in another program's hands."""
    for night in range(300, 10, -3):
        past.drill("orders", OK, night * DAY, signed=False)
    words = ["--from", "2025-02-27", "--to", "2026-02-26", "--target", "orders"]

    pack = Pack(capsys, *words)
    (count,) = pack.json["counted"]
    first = datetime(2025, 5, 3, tzinfo=UTC)

    assert count["verified"] + count["inconclusive"] + count["failed"] == 101
    assert count["without_drill"] == (datetime(2026, 2, 27, tzinfo=UTC) - first).days - 101
    assert Verdict.VERIFIED.value in pack.text
