"""Signatures and notes of an AWS deployment: items of its table, and each envelope beside its report.

| pk | sk | what |
|---|---|---|
| `signature` | sequence, ten digits | the envelope and the time stamp of one report |
| `note` | number, ten digits | one note |
| `note-signature` | number, ten digits | its envelope and time stamp |
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from restorecheck.aws.deployment.items import Item, plain, typed
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import StoreError
from restorecheck.evidence.notes import NoteLink, StoredNote
from restorecheck.evidence.signatures import Signature
from restorecheck.history import Entry, sha256_of
from restorecheck.ports import Proofs

if TYPE_CHECKING:
    from restorecheck.aws.deployment.stores import AwsStore

TRIES = 20
"""Tries to add a note while others are added at the same time; then StoreError."""


class AwsProofs(Proofs):
    def __init__(self, store: "AwsStore", dynamodb: Any, s3: Any, table: str, bucket: str) -> None:  # noqa: ANN401  # boto3's clients
        self._store = store
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket

    def signatures(self) -> dict[int, Signature]:
        return self._signatures("signature")

    def unsigned(self) -> tuple[Entry, ...]:
        first = next(self._items("signature", newest_first=False, projection="sk"), None)
        if first is None:
            return self._store.entries(newest=1)
        signed = {int(item["sk"]) for item in self._items("signature", projection="sk")}
        entries = self._store.entries(after=int(first["sk"]) - 1)
        return tuple(entry for entry in entries if entry.sequence not in signed)

    def sign(self, sequence: int, signature: Signature) -> None:
        entry = self._store.entries(after=sequence - 1)[0]
        with attempting(f"store the signature of drill {entry.drill_id}", self._bucket):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=f"reports/{entry.target}/{entry.drill_id}.dsse",
                Body=signature.envelope.encode(),
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
            )
        self._put("signature", sequence, _of(signature))

    def notes(self) -> tuple[StoredNote, ...]:
        return tuple(
            StoredNote(number=int(item["sk"]), text=item["text"], sha256=item["sha256"])
            for item in self._items("note")
        )

    def note(self, compose: Callable[[NoteLink], str]) -> StoredNote:
        for _ in range(TRIES):
            last = next(self._items("note", newest_first=True), None)
            head = self._store.entries(newest=1)
            link = NoteLink(
                number=int(last["sk"]) + 1 if last else 1,
                previous_sha256=last["sha256"] if last else "",
                report_sequence=head[0].sequence if head else 0,
                report_sha256=head[0].sha256 if head else "",
            )
            text = compose(link)
            stored = StoredNote(number=link.number, text=text, sha256=sha256_of(text))
            if self._put("note", stored.number, {"text": text, "sha256": stored.sha256}):
                return stored
        raise StoreError(
            "could not add a note to the history",
            hint="Several notes were written at the same time. Try again.",
        )

    def note_signatures(self) -> dict[int, Signature]:
        return self._signatures("note-signature")

    def sign_note(self, number: int, signature: Signature) -> None:
        self._put("note-signature", number, _of(signature))

    def _signatures(self, pk: str) -> dict[int, Signature]:
        return {
            int(item["sk"]): Signature(envelope=item["envelope"], timestamp=item["stamped"])
            for item in self._items(pk)
        }

    def _put(self, pk: str, number: int, values: Item) -> bool:
        """False: there is such an item already."""
        item = typed({"pk": pk, "sk": f"{number:010}", **values})
        with attempting("write to the history", self._table):
            try:
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def _items(
        self, pk: str, *, newest_first: bool = False, projection: str | None = None
    ) -> Iterator[Item]:
        asked: Item = {"ProjectionExpression": projection} if projection else {}
        while True:
            with attempting("read the history", self._table):
                answer = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues=typed({":pk": pk}),
                    ScanIndexForward=not newest_first,
                    ConsistentRead=True,
                    **asked,
                )
            yield from map(plain, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _of(signature: Signature) -> Item:
    return {"envelope": signature.envelope, "stamped": signature.timestamp}
