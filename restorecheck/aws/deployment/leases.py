"""One worker at a time, known by an expiry in the table of drills: a worker that is killed keeps
the others out until then, and no longer.
"""

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from restorecheck.aws.session.translation import attempting

FREE = "attribute_not_exists(pk) or #u < :now"
"""`until` is a reserved word of DynamoDB's, so it goes by another name."""
TAKEN = "ConditionalCheckFailedException"


class TableLease:
    """An item of the table: pk `lease#<name>`, its holder, and until when it is held.

    Raises (every method): ProviderError when the table cannot be used.
    """

    def __init__(self, dynamodb: Any, *, table: str, name: str) -> None:  # noqa: ANN401  # boto3's client
        self._dynamodb = dynamodb
        self._table = table
        self._name = name

    def take(self, holder: str, *, now: datetime, until: datetime) -> bool:
        """Whether the lease is this holder's now. One that has run out is anybody's."""
        values = {":now": {"N": str(now.timestamp())}}
        return self._put(holder, until.timestamp(), FREE, {"#u": "until"}, values)

    def drop(self, holder: str) -> None:
        """Let others in. Where the lease has run out and is another one's, it stays so."""
        self._put(holder, 0, "#h = :me", {"#h": "holder"}, {":me": {"S": holder}})

    def _put(
        self,
        holder: str,
        until: float,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        with attempting(f"take or drop the lease {self._name}", self._table):
            try:
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item={
                        "pk": {"S": f"lease#{self._name}"},
                        "sk": {"S": "lease"},
                        "holder": {"S": holder},
                        "until": {"N": str(until)},
                    },
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] == TAKEN:
                    return False
                raise
        return True
