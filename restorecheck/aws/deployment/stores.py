"""Drills in DynamoDB, reports in S3: the same guarantees as the SQLite file of a machine.

One table (partition key `pk`, sort key `sk`, one index):

| pk | sk | what |
|---|---|---|
| `drill#<id>` | `state` | the drill; `version` guards every save |
| `drill#<id>` | `readings#<digest>#<n>` | a part of readings that do not fit into the drill (`large_readings.py`) |
| `chain` | `head` | sequence and hash of the newest report |
| `entry` | sequence, ten digits | one report without its text; the numbers of its checks |
| `entry#<target>` | sequence | the same, by target |
| `target#<target>` | `standing` | newest, newest proofs, how many since |
| `report#<drill id>` | `entry` | where its entry is; there is one, so there is one report |
| `signature`, `note`, `note-signature` | number, ten digits | signatures of reports, notes of people (`proofs.py`) |
| `lease#<name>` | `lease` | holder of the lease, and its expiry (`leases.py`) |

`open` is set only on drills that are unfinished or have leftovers, so their index is small. A report is an object
in a versioned bucket; its entry names the version, so a later object with the same key has no effect. Failed
conditions are distinguished by their position in the transaction (`CancellationReasons`, DynamoDB API reference,
TransactWriteItems).
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from restorecheck import codec
from restorecheck.aws.deployment.items import Item, plain, typed
from restorecheck.aws.deployment.large_readings import LargeReadings
from restorecheck.aws.deployment.proofs import AwsProofs
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import (
    DrillConflictError,
    NotFoundError,
    ProviderError,
    StoreError,
    TransientError,
)
from restorecheck.history import Acceptance, Entry, Link, Standing, Stored, entry_of, is_decisive
from restorecheck.model import Drill, DrillOf, Verdict
from restorecheck.ports import DrillStore, History

INDEX = "open"
FINISH_TRIES = 20
"""Tries to add a report to the chain when other reports are added at the same time; then StoreError."""
LARGEST_STATE = 390_000
"""Bytes; a larger drill is refused, because DynamoDB accepts items of 400 KB."""


class AwsStore(DrillStore, History):
    """A table and a bucket, through clients of boto3.

    Raises (every method): StoreError when the table or the bucket cannot be used.
    """

    def __init__(self, dynamodb: Any, s3: Any, *, table: str, bucket: str) -> None:  # noqa: ANN401  # boto3's clients
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket
        self._large = LargeReadings(self._put_part, self._get)

    @property
    def proofs(self) -> AwsProofs:
        """Signatures and notes beside this history."""
        return AwsProofs(self, self._dynamodb, self._s3, self._table, self._bucket)

    # --- drills ---------------------------------------------------------------------------

    def create(self, drill: Drill) -> Drill:
        stored = drill.evolve(version=1)
        try:
            self._put(stored, "attribute_not_exists(pk)", {})
        except _ConditionError as exc:
            raise DrillConflictError(f"drill {drill.id} exists already") from exc
        return stored

    def load(self, drill_id: str) -> Drill:
        item = self._get(f"drill#{drill_id}", "state")
        if item is None:
            raise NotFoundError(f"no drill {drill_id} in the table {self._table}")
        return self._large.put_back(codec.decode(item["state"]), item)

    def save(self, drill: Drill) -> Drill:
        saved = drill.evolve(version=drill.version + 1)
        try:
            self._put(saved, "#v = :v", {":v": drill.version})
        except _ConditionError as exc:
            raise _conflict(drill) from exc
        return saved

    def finish(self, drill: Drill, compose: Callable[[Link], str]) -> Drill:
        assert drill.verdict is not None, "a report is of a finished drill"
        assert drill.finished_at is not None, "as above"
        saved = drill.evolve(version=drill.version + 1)
        for _ in range(FINISH_TRIES):
            link = self._link()
            text = compose(link)
            entry = entry_of(drill, link, text)
            version_id = self._publish(entry, text)
            if self._commit(drill, saved, entry, version_id):
                return saved
        raise StoreError(
            f"could not add the report of drill {drill.id} to the chain of reports",
            hint="Several drills wrote reports at the same time. The next step tries again.",
        )

    def unfinished(self) -> tuple[Drill, ...]:
        return tuple(drill for drill in self._open() if not drill.finished)

    def with_leftovers(self) -> tuple[Drill, ...]:
        return tuple(drill for drill in self._open() if drill.finished and drill.ledger)

    def report(self, drill_id: str) -> str:
        found = self._get(f"report#{drill_id}", "entry")
        if found is None:
            raise NotFoundError(f"no report of drill {drill_id} in the table {self._table}")
        item = self._get("entry", found["sequence"])
        assert item is not None, "written in one transaction"
        text = self._text(item)
        if text is None:
            raise NotFoundError(f"the report of drill {drill_id} was removed by retention")
        return text

    # --- history --------------------------------------------------------------------------

    def entries(
        self,
        *,
        target: str | None = None,
        since: datetime | None = None,
        after: int = 0,
        newest: int | None = None,
    ) -> tuple[Entry, ...]:
        found = []
        for item in self._items(target, after, newest_first=True):
            entry = _entry(item)
            if since is not None and entry.finished_at < since:
                continue
            found.append(entry)
            if newest is not None and len(found) >= newest:
                break
        return tuple(reversed(found))

    def stored(
        self, *, target: str | None = None, since: datetime | None = None
    ) -> Iterator[Stored]:
        for item in self._items(target, 0, newest_first=False):
            entry = _entry(item)
            if since is None or entry.finished_at >= since:
                yield Stored(entry=entry, text=self._text(item))

    def texts(self, target: str, *, until: datetime, newest: int) -> tuple[str, ...]:
        kept = (
            item
            for item in self._items(target, 0, newest_first=True)
            if "pruned_at" not in item and _entry(item).finished_at <= until
        )
        found = [self._text(item) for item in itertools.islice(kept, newest)]
        return tuple(text for text in reversed(found) if text is not None)

    def standing(self, target: str) -> Standing:
        item = self._get(f"target#{target}", "standing")
        if item is None:
            return Standing(target=target)
        latest = self._get("entry", item["latest"])
        proven = self._get("entry", item["proven"]) if "proven" in item else None
        newest = self._get("entry", item["newest_proven"]) if "newest_proven" in item else proven
        last = self._get("entry", str(item.get("decisive", item["latest"])))
        decisive = _entry(last) if last else None
        known = _entry(newest) if newest else None
        return Standing(
            target=target,
            latest=_entry(latest) if latest else None,
            proven=_entry(proven) if proven else None,
            # An earlier version wrote one proof only, of the newest backup.
            newest_proven=known if known and known.of is DrillOf.NEWEST else None,
            bad=int(item.get("bad", 0)),
            decisive=decisive if decisive and is_decisive(decisive) else None,
        )

    def acceptance(self, target: str) -> Acceptance | None:
        item = self._get(f"target#{target}", "accepted")
        if item is None:
            return None
        return Acceptance(
            target=target,
            drill_id=item["drill_id"],
            sequence=int(item["sequence"]),
            at=datetime.fromisoformat(item["at"]),
            by=item["by"],
            why=item["why"],
        )

    def accept(self, acceptance: Acceptance) -> None:
        """Only the newest acceptance is kept; earlier ones are in the reports that were compared with them."""
        item: Item = {
            "pk": f"target#{acceptance.target}",
            "sk": "accepted",
            "drill_id": acceptance.drill_id,
            "sequence": acceptance.sequence,
            "at": _stamp(acceptance.at),
            "by": acceptance.by,
            "why": acceptance.why,
        }
        self._call(
            "accept a drill", self._dynamodb.put_item, TableName=self._table, Item=typed(item)
        )

    def prune(self, before: datetime, now: datetime) -> int:
        """As in the port. Only the sweeper's role may delete object versions."""
        spared: dict[str, set[int]] = {}
        pruned = 0
        for item in self._items(None, 0, newest_first=False):
            entry = _entry(item)
            if entry.finished_at >= before:
                break
            if entry.target not in spared:
                standing = self.standing(entry.target)
                proofs = (standing.proven, standing.newest_proven)
                kept = (standing.latest, standing.decisive, *proofs)
                accepted = self.acceptance(entry.target)
                spared[entry.target] = {e.sequence for e in (*kept, accepted) if e is not None}
            if entry.pruned_at is None and entry.sequence not in spared[entry.target]:
                self._prune(item, entry, now)
                pruned += 1
        return pruned

    # --- within ---------------------------------------------------------------------------

    def _put(self, drill: Drill, condition: str, values: Item) -> None:
        write = self._write(self._drill_item(drill), condition, values)
        self._call("save a drill", self._dynamodb.put_item, **write["Put"])

    def _put_part(self, item: Item) -> None:
        self._call(
            "save readings", self._dynamodb.put_item, TableName=self._table, Item=typed(item)
        )

    def _drill_item(self, drill: Drill) -> Item:
        state = codec.encode(drill)
        names: Item = {}
        if not _fits(state):
            lean, names = self._large.set_aside(drill)
            state = codec.encode(lean)
        if not _fits(state):
            raise StoreError(
                f"could not save drill {drill.id}: its state is larger than the limit of a DynamoDB item",
                hint="Configure fewer checks for this target.",
            )
        item: Item = {
            "pk": f"drill#{drill.id}",
            "sk": "state",
            "version": drill.version,
            "target": drill.target,
            "started_at": _stamp(drill.started_at),
            "state": state,
            **names,
        }
        if not drill.finished or drill.ledger:
            item["open"] = "yes"
        return item

    def _get(self, pk: str, sk: str) -> Item | None:
        answer = self._call(
            "read the table",
            self._dynamodb.get_item,
            TableName=self._table,
            Key=typed({"pk": pk, "sk": sk}),
            ConsistentRead=True,
        )
        return plain(answer["Item"]) if "Item" in answer else None

    def _link(self) -> Link:
        head = self._get("chain", "head")
        if head is None:
            return Link(sequence=1, previous_sha256="")
        return Link(sequence=int(head["sequence"]) + 1, previous_sha256=head["sha256"])

    def _publish(self, entry: Entry, text: str) -> str:
        answer = self._call(
            "write a report",
            self._s3.put_object,
            Bucket=self._bucket,
            Key=_key(entry.target, entry.drill_id),
            Body=text.encode(),
            ContentType="application/json",
            ChecksumAlgorithm="SHA256",
        )
        version_id = answer.get("VersionId")
        if not version_id:
            raise StoreError(
                f"could not store reports in the bucket {self._bucket}: versioning is off",
                hint="Turn on versioning, so that a report cannot be overwritten.",
            )
        return str(version_id)

    def _commit(self, drill: Drill, saved: Drill, entry: Entry, version_id: str) -> bool:
        """Add the report to the chain; False: another report was added first.

        Raises:
            DrillConflictError: Another host advanced the drill or wrote its report.
        """
        item = _entry_item(entry, version_id, drill)
        writes = [
            self._write(self._drill_item(saved), "#v = :v", {":v": drill.version}),
            self._write(
                {
                    "pk": f"report#{entry.drill_id}",
                    "sk": "entry",
                    "sequence": _place(entry.sequence),
                },
                "attribute_not_exists(pk)",
            ),
            self._write(*_head_write(entry)),
            self._write({**item, "pk": "entry"}, "attribute_not_exists(pk)"),
            self._write({**item, "pk": f"entry#{entry.target}"}, "attribute_not_exists(pk)"),
            self._standing_write(entry),
        ]
        try:
            self._call("write a report", self._dynamodb.transact_write_items, TransactItems=writes)
        except _ConditionError as exc:
            if exc.failed & {0, 1}:
                raise _conflict(drill) from exc
            return False
        return True

    def _write(self, item: Item, condition: str, values: Item | None = None) -> Item:
        put: Item = {
            "TableName": self._table,
            "Item": typed(item),
            "ConditionExpression": condition,
        }
        if values:
            names = {"#v": "version"} if "#v" in condition else {"#s": "sequence"}
            put |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": typed(values)}
        return {"Put": put}

    def _standing_write(self, entry: Entry) -> Item:
        verified = entry.verdict is Verdict.VERIFIED
        place = _place(entry.sequence)
        values: Item = {":l": place}
        if not verified:
            update = "set latest = :l, bad = if_not_exists(bad, :zero) + :one"
            values |= {":zero": 0, ":one": 1}
        elif entry.of is DrillOf.ASKED:
            update = "set latest = :l"
        else:
            also = ", newest_proven = :l" if entry.of is DrillOf.NEWEST else ""
            update = f"set latest = :l, proven = :l, bad = :zero{also}"
            values[":zero"] = 0
        if is_decisive(entry):
            update += ", decisive = :l"
        return {
            "Update": {
                "TableName": self._table,
                "Key": typed({"pk": f"target#{entry.target}", "sk": "standing"}),
                "UpdateExpression": update,
                "ExpressionAttributeValues": typed(values),
            }
        }

    def _open(self) -> list[Drill]:
        items = self._query(
            IndexName=INDEX,
            KeyConditionExpression="#o = :yes",
            ExpressionAttributeNames={"#o": "open"},
            values={":yes": "yes"},
        )
        # The index follows the table with a delay: the drills are read from the table.
        drills = [self.load(item["pk"].removeprefix("drill#")) for item in items]
        return sorted(drills, key=lambda drill: (drill.started_at, drill.id))

    def _items(self, target: str | None, after: int, *, newest_first: bool) -> Iterator[Item]:
        return self._query(
            KeyConditionExpression="pk = :pk and sk > :after",
            values={
                ":pk": "entry" if target is None else f"entry#{target}",
                ":after": _place(after),
            },
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
        )

    def _query(self, values: Item, **arguments: Any) -> Iterator[Item]:  # noqa: ANN401  # DynamoDB's parameters
        begin: Item = {}
        while True:
            answer = self._call(
                "read the table",
                self._dynamodb.query,
                TableName=self._table,
                ExpressionAttributeValues=typed(values),
                **arguments,
                **begin,
            )
            yield from map(plain, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            begin = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _text(self, item: Item) -> str | None:
        if "pruned_at" in item:
            return None
        entry = _entry(item)
        answer = self._call(
            f"read the report of drill {entry.drill_id}",
            _or_none_where_it_is_gone(self._s3.get_object),
            Bucket=self._bucket,
            Key=_key(entry.target, entry.drill_id),
            VersionId=item["version_id"],
        )
        if answer is None:
            return None  # `flaws` reports it, because retention did not record it
        with attempting(f"read the report of drill {entry.drill_id}", self._bucket):
            return str(answer["Body"].read().decode())

    def _prune(self, item: Item, entry: Entry, now: datetime) -> None:
        for pk in ("entry", f"entry#{entry.target}"):
            self._call(
                "prune the history",
                self._dynamodb.update_item,
                TableName=self._table,
                Key=typed({"pk": pk, "sk": item["sk"]}),
                UpdateExpression="set pruned_at = :now remove measured",
                ExpressionAttributeValues=typed({":now": _stamp(now)}),
            )
        self._call(
            "prune the history",
            self._s3.delete_object,
            Bucket=self._bucket,
            Key=_key(entry.target, entry.drill_id),
            VersionId=item["version_id"],
        )

    def _call(self, what: str, operation: Callable[..., Any], **arguments: Any) -> Any:  # noqa: ANN401  # boto3's own
        try:
            with attempting(what, self._table):
                try:
                    return operation(**arguments)
                except ClientError as exc:
                    if (failed := _failed_conditions(exc)) is not None:
                        raise _ConditionError(failed) from exc
                    raise
        except TransientError:
            raise
        except ProviderError as exc:
            where = f"; table {self._table}, bucket {self._bucket}"
            raise StoreError(exc.message + where, hint=exc.hint) from exc


def _or_none_where_it_is_gone(get_object: Callable[..., Any]) -> Callable[..., Any]:
    """S3 reports a deleted version only to callers who may list the bucket; to others it denies access."""

    def get(**arguments: Any) -> Any:  # noqa: ANN401  # boto3's own
        try:
            return get_object(**arguments)
        except ClientError as exc:
            if exc.response["Error"]["Code"] in {"NoSuchVersion", "NoSuchKey"}:
                return None
            raise

    return get


class _ConditionError(Exception):
    """A condition failed; `failed`: positions in the transaction."""

    def __init__(self, failed: set[int]) -> None:
        super().__init__(str(sorted(failed)))
        self.failed = failed


def _failed_conditions(exc: ClientError) -> set[int] | None:
    """None: it failed for another reason."""
    response: Any = exc.response
    code = response.get("Error", {}).get("Code")
    if code == "ConditionalCheckFailedException":
        return {0}
    if code != "TransactionCanceledException":
        return None
    reasons: Sequence[Any] = response.get("CancellationReasons", ())
    named = {number: reason.get("Code") for number, reason in enumerate(reasons)}
    lost = {n for n, c in named.items() if c == "ConditionalCheckFailed"}
    if lost:
        return lost
    # Two transactions on the same items: this one tries again.
    busy = {n for n, c in named.items() if c == "TransactionConflict"}
    return {n + 2 for n in busy} if busy else None


def _conflict(drill: Drill) -> DrillConflictError:
    return DrillConflictError(f"another host has advanced drill {drill.id}")


def _fits(state: str) -> bool:
    return len(state.encode()) <= LARGEST_STATE


def _head_write(entry: Entry) -> tuple[Item, str, Item]:
    item = {
        "pk": "chain",
        "sk": "head",
        "sequence": entry.sequence,
        "sha256": entry.sha256,
    }
    if entry.sequence == 1:
        return item, "attribute_not_exists(pk)", {}
    return item, "#s = :s", {":s": entry.sequence - 1}


def _entry_item(entry: Entry, version_id: str, drill: Drill) -> Item:
    measured = [
        [result.name, result.database, measure, value]
        for result in drill.results
        for measure, value in result.measured.items()
    ]
    item: Item = {
        "sk": _place(entry.sequence),
        "drill_id": entry.drill_id,
        "target": entry.target,
        "verdict": entry.verdict.value,
        "begun_at": _stamp(entry.started_at),
        "finished_at": _stamp(entry.finished_at),
        "left_behind": entry.left_behind,
        "announce": entry.announce,
        "previous_sha256": entry.previous_sha256,
        "sha256": entry.sha256,
        "version_id": version_id,
        "measured": json.dumps(measured),
    }
    if entry.of is not DrillOf.NEWEST:
        item["about"] = entry.of.value
    if entry.scheduled_for is not None:
        item["scheduled_for"] = _stamp(entry.scheduled_for)
    return item


def _entry(item: Item) -> Entry:
    return Entry(
        sequence=int(item["sk"]),
        drill_id=item["drill_id"],
        target=item["target"],
        verdict=Verdict(item["verdict"]),
        started_at=datetime.fromisoformat(item["begun_at"]),
        finished_at=datetime.fromisoformat(item["finished_at"]),
        scheduled_for=datetime.fromisoformat(item["scheduled_for"])
        if "scheduled_for" in item
        else None,
        left_behind=item["left_behind"],
        announce=item["announce"],
        previous_sha256=item["previous_sha256"],
        sha256=item["sha256"],
        of=DrillOf(item.get("about", DrillOf.NEWEST)),
        pruned_at=datetime.fromisoformat(item["pruned_at"]) if "pruned_at" in item else None,
    )


def _key(target: str, drill_id: str) -> str:
    return f"reports/{target}/{drill_id}.json"


def _place(sequence: int) -> str:
    """A text that sorts like the number."""
    return f"{sequence:010}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
