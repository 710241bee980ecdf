"""One worker at a time, by an expiry in the table of drills: a killed worker blocks the others only until its
lease expires.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from restorecheck.aws.deployment.items import typed
from restorecheck.aws.session.translation import attempting

FREE = "attribute_not_exists(pk) or #u < :now"
"""`until` is a reserved word of DynamoDB, so the expression uses an alias."""
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
        """Take the lease if it is free or expired; returns whether this holder has it."""
        values = {":now": _number(now)}
        return self._put(holder, _number(until), FREE, {"#u": "until"}, values)

    def drop(self, holder: str) -> None:
        """Release the lease, unless it expired and another holder has it."""
        self._put(holder, 0, "#h = :me", {"#h": "holder"}, {":me": holder})

    def _put(
        self,
        holder: str,
        until: Decimal | int,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        with attempting(f"take or drop the lease {self._name}", self._table):
            try:
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=typed(
                        {
                            "pk": f"lease#{self._name}",
                            "sk": "lease",
                            "holder": holder,
                            "until": until,
                        }
                    ),
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=typed(values),
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] == TAKEN:
                    return False
                raise
        return True


def _number(moment: datetime) -> Decimal:
    """Seconds as a Decimal: DynamoDB accepts no floats."""
    return Decimal(str(moment.timestamp()))
