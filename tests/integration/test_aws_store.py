"""What only the store in AWS can meet: others at the same chain, versions, denials, large drills."""

import boto3
import pytest
from botocore.exceptions import ClientError

from restorecheck.aws.stores import AwsStore
from restorecheck.engine import _compose
from restorecheck.errors import DrillConflictError, StoreError
from restorecheck.history import flaws
from tests.contract.aws_store import REGION, simulated_store
from tests.factories import drill, finished


@pytest.fixture
def store():
    with simulated_store() as made:
        yield made


def put(store, number, compose=None):
    done = finished().evolve(id=f"d-{number}")
    stored = store.create(drill(id=f"d-{number}"))
    composing = compose or (lambda link: _compose(done, link))
    return store.finish(done.evolve(version=stored.version), composing)


def test_a_report_that_was_overtaken_is_tied_to_the_one_that_was_faster(store):
    done = finished().evolve(id="d-1")
    links = []

    def overtaken(link):
        links.append(link.sequence)
        if len(links) == 1:
            put(store, 2)
        return _compose(done, link)

    put(store, 1, overtaken)

    assert links == [1, 2]
    assert [entry.drill_id for entry in store.entries()] == ["d-2", "d-1"]
    assert list(flaws(store.stored())) == []


def test_a_drill_that_somebody_else_advanced_writes_no_report(store):
    done = finished().evolve(id="d-1")
    stored = store.create(drill(id="d-1"))

    def meanwhile(link):
        store.save(stored)
        return _compose(done, link)

    with pytest.raises(DrillConflictError):
        store.finish(done.evolve(version=stored.version), meanwhile)

    assert store.entries() == ()
    assert not store.load("d-1").finished


def test_a_chain_that_never_stands_still_is_given_up_and_the_drill_is_as_before(store):
    done = finished().evolve(id="d-1")
    numbers = iter(range(2, 1000))

    def always_overtaken(link):
        put(store, next(numbers))
        return _compose(done, link)

    with pytest.raises(StoreError, match="could not tie"):
        put(store, 1, always_overtaken)

    assert not store.load("d-1").finished
    assert list(flaws(store.stored())) == []


def test_what_is_put_over_a_report_later_changes_nothing(store):
    put(store, 1)
    text = store.report("d-1")

    store._s3.put_object(Bucket="reports", Key="reports/courses/d-1.json", Body=b"forged")

    assert store.report("d-1") == text
    assert list(flaws(store.stored())) == []


def test_a_bucket_that_is_not_versioned_is_refused(store):
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": REGION})
    plain = AwsStore(store._dynamodb, s3, table="drills", bucket="plain")

    with pytest.raises(StoreError, match="not versioned"):
        put(plain, 1)


def test_a_drill_that_does_not_fit_into_an_item_is_refused_with_a_reason(store):
    with pytest.raises(StoreError, match="larger than an item"):
        store.create(drill(id="d-1").evolve(notes=("x" * 500_000,)))


@pytest.mark.parametrize(
    ("code", "said"),
    [("AccessDeniedException", "denied"), ("ResourceNotFoundException", "not there")],
)
def test_what_dynamodb_refuses_is_an_error_of_the_store(store, code, said):
    class Refusing:
        def get_item(self, **_):
            raise ClientError({"Error": {"Code": code, "Message": said}}, "GetItem")

    refused = AwsStore(Refusing(), store._s3, table="drills", bucket="reports")

    with pytest.raises(StoreError, match=said):
        refused.load("d-1")


def test_only_open_drills_are_in_the_index(store):
    for number in range(1, 4):
        put(store, number)
    store.create(drill(id="d-9"))

    scanned = store._dynamodb.scan(TableName="drills", IndexName="open")["Items"]

    assert [item["pk"]["S"] for item in scanned] == ["drill#d-9"]
