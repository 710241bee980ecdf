"""The functions of a deployment sign with KMS, and without KMS they go on."""

import csv
import io
import os
import zipfile

import boto3
import pytest
import structlog

from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.hosts.functions.signing import sign
from restorecheck.hosts.functions.surroundings import BUCKET, CONFIG, TABLE, FunctionContext
from restorecheck.model import Verdict
from restorecheck.signing import envelopes
from tests.contract.aws_store import REGION, simulated_store
from tests.contract.test_history import put
from tests.signed import Still

CONFIGURATION = "version: 1\ntargets: [{name: courses, dump: {path: /b}}]\n"


@pytest.fixture
def deployed(tmp_path):
    """A store, and the context of its functions; its file of the configuration may be changed."""
    with simulated_store() as store:
        path = tmp_path / "restorecheck.yaml"
        path.write_text(CONFIGURATION)
        said = {TABLE: "drills", BUCKET: "reports", CONFIG: str(path), **os.environ}
        session = boto3.Session(region_name=REGION)
        yield store, FunctionContext(said, clock=Still(), session=session), path
    structlog.reset_defaults()


def key_of(context, **said):
    kms = context.client("kms")
    return kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", **said)["KeyMetadata"][
        "Arn"
    ]


def test_a_function_signs_what_its_configuration_names_a_key_for(deployed):
    store, context, path = deployed
    put(store, 1)
    sign(context)
    assert store.proofs.signatures() == {}

    arn = key_of(context)
    path.write_text(f"{CONFIGURATION}history: {{sign: {{kms_key_id: '{arn}'}}}}\n")
    sign(context)

    scribe = scribe_of(context.config(), context.clock, kms=context.client("kms"))
    assert scribe is not None
    (signature,) = store.proofs.signatures().values()
    public = envelopes.public_key_of(envelopes.pem_of(scribe.signer.public_key).encode())  # type: ignore[arg-type]
    assert envelopes.opened(signature.envelope, [public]).problem == ""
    beside = context.client("s3").get_object(Bucket="reports", Key="reports/courses/d-1.dsse")
    assert beside["Body"].read().decode() == signature.envelope


@pytest.mark.parametrize(
    "lines",
    ["history: {sign: {kms_key_id: 'alias/none'}}", "targets: broken", "history: {sign: {}}"],
)
def test_a_key_or_a_configuration_that_cannot_be_used_breaks_no_drill(deployed, lines):
    store, context, path = deployed
    put(store, 1)
    path.write_text(f"{CONFIGURATION}{lines}\n")

    sign(context)

    assert store.proofs.signatures() == {}


def test_the_history_of_a_deployment_is_verified_noted_and_packed_from_a_machine(
    deployed, tmp_path, monkeypatch, capsys
):
    store, context, path = deployed
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.chdir(tmp_path)
    arn = key_of(context)
    path.write_text(f"{CONFIGURATION}history: {{sign: {{kms_key_id: '{arn}'}}}}\n")
    for number, verdict in ((1, Verdict.VERIFIED), (2, Verdict.FAILED), (4, Verdict.VERIFIED)):
        put(store, number, verdict=verdict)
        sign(context)
    place = ("--table", "drills", "--bucket", "reports")

    assert main(["history", "note", "d-2", "--why", "disk full", "--by", "Ann", *place]) == 0
    words = ["history", "evidence", "--from", "2026-02-28", "--to", "2026-03-04", "-o", "pack"]
    assert main([*words, *place]) == 0, capsys.readouterr().err

    with zipfile.ZipFile("pack/drills.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("drills.csv").decode())))
    assert [(row["drill_id"], row["signature"]) for row in rows] == [
        ("d-1", "valid"),
        ("d-2", "valid"),
        ("d-4", "valid"),
    ]
    page = (tmp_path / "pack" / "evidence.html").read_text()
    assert "disk full" in page
    assert "no drill on this day" in page
    (public,) = (tmp_path / "pack").glob("key-*.pub")
    assert main(["history", "verify", "--key", str(public), *place]) == 0
