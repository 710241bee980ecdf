"""A history with signatures, verified by the command, by openssl, and after every kind of forgery."""

import base64
import json
import shutil
import sqlite3
import subprocess
from typing import Any

import boto3
import pytest
import structlog
import time_machine
from moto import mock_aws

from restorecheck import config as configuration
from restorecheck.aws.deployment.signing import KmsSigner
from restorecheck.errors import ConfigError
from restorecheck.history import sha256_of
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.signing import envelopes
from restorecheck.signing.scribe import Scribe
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sqlite.store import SqliteStore
from tests.integration.test_queries import BAD, DAY, HOUR, NOW, OK, Past
from tests.missing import need
from tests.signed import Key, Still


@pytest.fixture(autouse=True)
def _logging():
    yield
    structlog.reset_defaults()


class Signed(Past):
    """A history whose reports are signed, as the engine does it: after each drill."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory = directory
        self.key = self.use("sign")

    def use(self, name):
        self.key = Key()
        self.key.write(self.directory, name)
        self.configure(f", sign: {{key: '${{file:{self.directory}/{name}.pem}}'}}")
        return self.key

    def drill(self, target, verdict, ago, *, signed=True, **changes):
        done = super().drill(target, verdict, ago, **changes)
        if signed:
            store = SqliteStore(self.database)
            assert self.key.scribe().catch_up(SqlProofs(store.database)) == ""
            store.close()
        return done

    def tamper(self, *statements):
        """As one who owns the file: without its triggers."""
        db = sqlite3.connect(self.database)
        triggers = db.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in triggers:
            db.execute(f"drop trigger {name}")
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()


@pytest.fixture
def past(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with time_machine.travel(NOW, tick=False):
        made = Signed(tmp_path)
        made.drill("courses", OK, 3 * DAY, signed=False)
        made.drill("orders", OK, 3 * DAY)
        made.drill("courses", BAD, 2 * DAY)
        made.drill("orders", OK, DAY)
        yield made


def ask(capsys, *words):
    capsys.readouterr()
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def verify(capsys, *names):
    words = [word for name in names or ("sign",) for word in ("--key", f"{name}.pub")]
    return ask(capsys, "history", "verify", *words)


def test_verify_says_which_reports_are_signed_and_with_which_key(past, capsys):
    code, out, _ = verify(capsys)

    assert code == 0
    assert "report 1: not signed (1 report from before the first signature)" in out
    assert f"reports 2 to 4: signed with key {past.key.id}" in out
    assert "`--key FILE`" in ask(capsys, "history", "verify")[1]


def test_a_history_without_signatures_is_not_verified_with_a_key(past, capsys):
    past.tamper("delete from signatures")

    code, out, _ = verify(capsys)

    assert (code, out) == (1, "FLAW  no report is signed\n")


def test_a_replaced_key_verifies_what_it_signed_and_nothing_later(past, capsys):
    old = past.key
    past.use("new")
    past.drill("orders", OK, HOUR)

    code, out, _ = verify(capsys, "sign", "new")
    assert code == 0
    assert f"report 5: signed with key {past.key.id}" in out

    code, out, _ = verify(capsys, "new")
    assert code == 1
    assert "give the public half of an earlier key too" in out

    past.key = old
    past.drill("orders", OK, HOUR / 2)
    code, out, _ = verify(capsys, "sign", "new")
    assert code == 1
    assert "report 6" in out
    assert "which was replaced at report 5" in out


def test_a_rewritten_history_has_no_signatures_that_fit(past, capsys):
    """All of the chain anew, with every hash right: nothing but the key is missing."""
    store = SqliteStore(past.database)
    texts = [stored.text for stored in store.stored()]
    store.close()
    previous, changes = "", []
    for sequence, text in enumerate(texts, start=1):
        said = json.loads(text or "")
        said["chain"]["previous_sha256"] = previous
        if said["verdict"] == "failed":
            said["verdict"] = "verified"
        new = json.dumps(said)
        previous, before = sha256_of(new), previous
        changes.append(
            f"update reports set report = '{new.replace(chr(39), chr(39) * 2)}', sha256 = '{previous}',"
            f" previous_sha256 = '{before}', verdict = '{said['verdict']}' where sequence = {sequence}"
        )
    past.tamper(*changes)

    assert ask(capsys, "history", "verify")[0] == 0, "the chain alone shows nothing"
    code, out, _ = verify(capsys)
    assert code == 1
    assert out.count("of another text") == 3


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("delete from signatures where sequence = 3", "not signed, but report 2 before it is"),
        ("update signatures set envelope = '{}' where sequence = 3", "not a DSSE envelope"),
        (
            "update signatures set envelope = (select envelope from signatures where sequence = 4) where sequence = 3",
            "belongs to another file",
        ),
        ("update reports set target = 'orders' where sequence = 3", "the report says target"),
        ("update reports set verdict = 'verified' where sequence = 3", "the report says verdict"),
        (
            "update reports set report = null, pruned_at = '2027-01-01T00:00:00+00:00', verdict = 'verified' where sequence = 3",
            "the signed statement says verdict failed",
        ),
        ("insert into signatures select 9, envelope, '' from signatures where sequence = 3", "no report"),
    ],
)  # fmt: skip
def test_what_the_owner_of_the_file_changes_is_found(past, capsys, statement, said):
    past.tamper("pragma foreign_keys = off", statement)

    code, out, _ = verify(capsys)

    assert code == 1
    assert said in out


def test_an_export_is_verified_with_its_signatures_and_without_the_database(past, capsys):
    assert ask(capsys, "history", "export", "-o", "all.jsonl")[0] == 0
    past.database.unlink()

    code, out, _ = ask(capsys, "history", "verify", "--file", "all.jsonl", "--key", "sign.pub")
    assert code == 0
    assert "reports 2 to 4: signed" in out

    beside = past.directory / "all.jsonl.signatures.jsonl"
    beside.write_text(beside.read_text().replace('"sequence":3', '"sequence":33'))
    code, out, _ = ask(capsys, "history", "verify", "--file", "all.jsonl", "--key", "sign.pub")
    assert code == 1
    beside.write_text("{}")
    assert ask(capsys, "history", "verify", "--file", "all.jsonl", "--key", "sign.pub")[0] == 2
    beside.unlink()
    assert ask(capsys, "history", "verify", "--file", "all.jsonl", "--key", "sign.pub")[0] == 1


def test_openssl_verifies_a_stored_signature(past, tmp_path):
    """As docs/how-to/audit.md says: the pre-authentication encoding of DSSE, and the signature."""
    need(shutil.which("openssl"), "openssl", "apt-get install openssl")
    store = SqliteStore(past.database)
    said = json.loads(SqlProofs(store.database).signatures()[3].envelope)
    store.close()
    payload = base64.b64decode(said["payload"])
    kind = said["payloadType"].encode()
    signed, signature = tmp_path / "signed", tmp_path / "signature"
    signed.write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    signature.write_bytes(base64.b64decode(said["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "sign.pub", "-rawin"]
    command += ["-in", str(signed), "-sigfile", str(signature)]

    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    signed.write_bytes(signed.read_bytes().replace(b"failed", b"passed"))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


# --- notes --------------------------------------------------------------------------------------


def test_a_note_is_signed_and_verified(past, capsys):
    code, out, _ = ask(capsys, "history", "note", "d-3", "--why", "disk full", "--by", "Ann")
    assert code == 0
    assert "courses: note 1 on drill d-3" in out
    digest = out.split()[-1]

    code, out, _ = verify(capsys)
    assert code == 0
    assert "1 note, each tied to the one before" in out
    assert ask(capsys, "history", "verify", "--expect", digest)[0] == 0

    past.tamper("update notes set text = replace(text, 'Ann', 'Bob')")
    code, out, _ = verify(capsys)
    assert code == 1
    assert "note 1: the text of the note was changed" in out


def test_an_acceptance_is_a_note_too(past, capsys, monkeypatch):
    monkeypatch.setattr(
        "restorecheck.hosts.cli.history_queries._acceptable", lambda _store, entry: entry
    )
    assert ask(capsys, "history", "accept", "d-3", "--why", "intended", "--by", "Ann")[0] == 0

    store = SqliteStore(past.database)
    (note,) = SqlProofs(store.database).notes()
    store.close()

    assert (note.note.kind, note.note.drill_id, note.note.why) == ("acceptance", "d-3", "intended")


@pytest.mark.parametrize(
    "words", [["d-3"], ["--why", "x"], ["d-9", "--why", "x"], ["d-3", "--why", "x" * 2001]]
)
def test_a_note_needs_a_drill_and_a_reason(past, capsys, words):
    assert ask(capsys, "history", "note", *words)[0] == 2


def test_a_note_that_cannot_be_signed_now_is_stored_and_signed_later(past, capsys, monkeypatch):
    monkeypatch.setattr(Scribe, "sign", lambda *_: 1 / 0)
    code, _, err = ask(capsys, "history", "note", "d-3", "--why", "disk full")
    assert code == 0
    assert "stored, but not signed: ZeroDivisionError" in err
    monkeypatch.undo()

    past.drill("courses", OK, HOUR)

    monkeypatch.chdir(past.directory)
    assert verify(capsys)[0] == 0


# --- keys ---------------------------------------------------------------------------------------


def loaded(past):
    return configuration.load(past.path, {"HOME": "/home/me"})


def test_a_file_that_is_no_key_is_refused_before_any_drill(past):
    (past.directory / "sign.pem").write_text("no key")

    with pytest.raises(ConfigError, match=r"history.sign.key: not a private key"):
        scribe_of(loaded(past), Still())


def test_verify_refuses_what_is_no_public_key(past, capsys):
    assert ask(capsys, "history", "verify", "--key", "sign.pem")[0] == 2
    assert ask(capsys, "history", "verify", "--key", "nowhere.pub")[0] == 2
    assert ask(capsys, "history", "verify", "--tsa-cert", "sign.pub")[0] == 2
    assert ask(capsys, "history", "verify", "--key", "sign.pub", "--tsa-cert", "sign.pub")[0] == 2


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048"])
def test_a_key_of_kms_signs_what_everyone_verifies(past, spec, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-1")
        key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        past.configure(f", sign: {{kms_key_id: '{key}'}}")
        scribe: Any = scribe_of(loaded(past), Still())
        store = SqliteStore(past.database)
        proofs = SqlProofs(store.database)
        past.drill("orders", OK, HOUR, signed=False)

        assert scribe.catch_up(proofs) == ""
        found = envelopes.opened(proofs.signatures()[5].envelope, [scribe.signer.public_key])
        store.close()
    assert (found.problem, found.key_id) == ("", scribe.signer.public_key.keyid)


def test_a_key_of_kms_that_is_away_costs_no_report(past, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-1")
        signer = KmsSigner(kms, "arn:aws:kms:eu-west-1:123456789012:key/none")
        store = SqliteStore(past.database)
        past.drill("orders", OK, HOUR, signed=False)

        why = Scribe(signer=signer, clock=Still()).catch_up(SqlProofs(store.database))
        store.close()
    assert "could not read the public half of the signing key" in why


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "ECC_SECG_P256K1"])
def test_a_key_of_kms_of_another_kind_is_refused(spec, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        kms: Any = boto3.client("kms", region_name="eu-west-1")
        usage = "ENCRYPT_DECRYPT" if spec.startswith("SYM") else "SIGN_VERIFY"
        key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]

        with pytest.raises(Exception, match="sign"):
            KmsSigner(kms, key).sign(b"x")
