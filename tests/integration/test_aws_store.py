"""What only the store in AWS can meet: others at the same chain, versions, denials, large drills."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from restorecheck.aws.deployment.large_readings import EXPIRES, KEPT
from restorecheck.aws.deployment.stores import AwsStore
from restorecheck.engine import _compose
from restorecheck.errors import DrillConflictError, StoreError, TransientError
from restorecheck.history import flaws
from restorecheck.model import Baseline
from tests.contract.aws_store import REGION, simulated_store
from tests.factories import NOW, drill, finished


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

    with pytest.raises(StoreError, match="could not add"):
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

    with pytest.raises(StoreError, match="versioning is off"):
        put(plain, 1)


def test_a_drill_that_does_not_fit_into_an_item_is_refused_with_a_reason(store):
    with pytest.raises(StoreError, match="larger than the limit of a DynamoDB item"):
        store.create(drill(id="d-1").evolve(notes=("x" * 500_000,)))


def many(letter):
    """Readings of more tables than an item of DynamoDB holds."""
    return letter * 399_999 + "." * 500_000


BASE = Baseline(drill_id="d-0", at=NOW, readings=many("b"))


def parts_of(store):
    pages = store._dynamodb.get_paginator("scan").paginate(TableName="drills")
    scanned = (item for page in pages for item in page["Items"])
    return [item for item in scanned if item["sk"]["S"].startswith("readings#")]


def test_readings_that_do_not_fit_into_an_item_are_stored_beside_it_and_so_is_their_baseline(store):
    stored = store.create(drill(id="d-1").evolve(baseline=BASE))
    slices = [store.save(stored.evolve(readings=many("s")))]
    slices.append(store.save(slices[-1].evolve(readings=many("t"))))

    again = AwsStore(store._dynamodb, store._s3, table="drills", bucket="reports")

    assert again.load("d-1") == slices[-1]
    assert slices[-1].baseline == BASE


def test_a_save_that_came_too_late_changes_no_reading_of_the_one_before(store):
    stored = store.create(drill(id="d-1").evolve(readings=many("a")))
    first = store.save(stored.evolve(readings=many("b")))

    with pytest.raises(DrillConflictError):
        store.save(stored.evolve(readings=many("c")))

    assert store.load("d-1") == first


def test_parts_of_a_finished_drill_stay_and_the_others_expire_after_its_deadline(store):
    done = finished().evolve(id="d-1", readings=many("z"), baseline=BASE)
    stored = store.create(drill(id="d-1").evolve(readings=many("a"), baseline=BASE))
    stored = store.save(stored.evolve(readings=many("z")))
    store.finish(done.evolve(version=stored.version), lambda link: _compose(done, link))

    staying = [item for item in parts_of(store) if EXPIRES not in item]
    expiring = [item for item in parts_of(store) if EXPIRES in item]

    assert {item["text"]["S"][0] for item in staying} == {"z", "."}
    assert len({item["sk"]["S"].split("#")[1] for item in staying}) == 1
    assert expiring
    assert {float(item[EXPIRES]["N"]) for item in expiring} == {
        (stored.deadline + KEPT).timestamp()
    }
    assert store.load("d-1").readings == many("z")


@pytest.mark.parametrize("lost", ["text", "item"])
def test_a_part_that_is_lost_or_changed_is_an_error_and_no_missing_baseline(store, lost):
    store.create(drill(id="d-1").evolve(readings=many("a")))
    part = parts_of(store)[0]
    if lost == "item":
        store._dynamodb.delete_item(TableName="drills", Key={k: part[k] for k in ("pk", "sk")})
    else:
        store._dynamodb.put_item(TableName="drills", Item={**part, "text": {"S": "other"}})

    with pytest.raises(StoreError, match="parts are missing or changed"):
        store.load("d-1")


def test_readings_that_fit_are_kept_in_the_item(store):
    store.create(
        drill(id="d-1").evolve(readings="a" * 150_000, baseline=replace(BASE, readings=""))
    )

    assert parts_of(store) == []
    assert store.load("d-1").readings == "a" * 150_000


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


class Watched:
    """A client of DynamoDB whose calls are looked at, and changed, before they are made."""

    def __init__(self, inner, look):
        self._inner, self._look = inner, look

    def __getattr__(self, method):
        def call(**arguments):
            changed = self._look(method, arguments)
            return getattr(self._inner, method)(**(changed or arguments))

        return call


def watched(store, look):
    return AwsStore(Watched(store._dynamodb, look), store._s3, table="drills", bucket="reports")


def test_everything_is_read_on_whatever_page_it_stands(store):
    for number in range(1, 13):
        put(store, number)
        store.create(drill(id=f"open-{number}"))

    def in_small_pages(method, arguments):
        return {**arguments, "Limit": 2} if method == "query" else None

    paged = watched(store, in_small_pages)

    assert [entry.sequence for entry in paged.entries()] == list(range(1, 13))
    assert len(paged.unfinished()) == 12
    assert len(list(paged.stored(target="courses"))) == 12
    assert len(paged.entries(newest=5)) == 5
    assert list(flaws(paged.stored())) == []


def test_open_drills_come_in_the_order_in_which_they_began_whatever_order_the_index_has(store):
    for number in (2, 1, 3):
        began = NOW + timedelta(hours=number)
        store.create(drill(id=f"d-{number}", started_at=began))

    def the_newest_first(method, arguments):
        return {**arguments, "ScanIndexForward": False} if method == "query" else None

    found = watched(store, the_newest_first).unfinished()

    assert [one.id for one in found] == ["d-1", "d-2", "d-3"]


def test_the_table_is_read_as_it_is_and_not_as_it_was_a_moment_ago(store):
    """Only the index cannot be: what it names is read from the table."""
    asked = []

    def look(method, arguments):
        if method in {"get_item", "query"} and "IndexName" not in arguments:
            asked.append(arguments.get("ConsistentRead"))

    looking = watched(store, look)
    put(looking, 1)
    looking.create(drill(id="d-2"))
    looking.unfinished()
    looking.entries()
    looking.standing("courses")
    looking.report("d-1")

    assert len(asked) > 5
    assert set(asked) == {True}


@pytest.mark.parametrize("place", range(6))
def test_two_reports_at_the_same_moment_are_written_one_after_the_other(store, place):
    """Whichever item they meet at, nobody has won: the one that is refused tries again."""
    refused: list[str] = []

    def meet(method, _arguments):
        if method == "transact_write_items" and not refused:
            refused.append(method)
            reasons = [{"Code": "TransactionConflict" if n == place else "None"} for n in range(6)]
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "conflict"},
                "CancellationReasons": reasons,
            }
            raise ClientError(answer, "TransactWriteItems")

    put(watched(store, meet), 1)

    assert [entry.drill_id for entry in store.entries()] == ["d-1"]
    assert refused


def test_a_drill_that_has_a_report_gets_no_second_one(store):
    put(store, 1)
    again = store.load("d-1")
    composed = []

    def compose(link):
        composed.append(link)
        return _compose(again, link)

    with pytest.raises(DrillConflictError):
        store.finish(again, compose)

    assert len(composed) == 1, "it is not tried again and again"


def test_what_retention_removes_is_removed_from_the_bucket(store):
    put(store, 1)
    put(store, 2)
    (first, _) = store.entries()

    assert store.prune(first.finished_at + timedelta(days=1), first.finished_at) == 1

    listed = store._s3.list_object_versions(Bucket="reports")
    assert "DeleteMarkers" not in listed
    assert [version["Key"] for version in listed["Versions"]] == ["reports/courses/d-2.json"]


def test_a_passing_fault_is_told_as_one(store):
    def trouble(_method, _arguments):
        answer: Any = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}
        raise ClientError(answer, "GetItem")

    with pytest.raises(TransientError):
        watched(store, trouble).load("d-1")


def test_a_stored_drill_that_cannot_be_read_is_named_and_not_quoted(store):
    stored = store.create(drill(id="d-1"))
    item = store._dynamodb.get_item(
        TableName="drills", Key={"pk": {"S": f"drill#{stored.id}"}, "sk": {"S": "state"}}
    )["Item"]
    item["state"]["S"] = item["state"]["S"].replace('"steps"', '"hunter2"')
    store._dynamodb.put_item(TableName="drills", Item=item)

    with pytest.raises(StoreError, match="phase") as caught:
        store.load("d-1")

    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
