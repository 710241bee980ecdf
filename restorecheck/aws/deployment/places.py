"""How many drills may run at once, whatever started them: a set of drills in the table of drills.

A night's own limit does not see the drills of another night, or of events. A drill that finds no place waits before it begins,
so that its deadline does not run.
"""

from typing import Any

from botocore.exceptions import ClientError

from restorecheck.aws.deployment.items import plain, typed
from restorecheck.aws.deployment.leases import TAKEN
from restorecheck.aws.session.translation import attempting

KEY = {"pk": "places", "sk": "places"}


class TablePlaces:
    """Raises (every method): ProviderError when the table cannot be used."""

    def __init__(self, dynamodb: Any, *, table: str) -> None:  # noqa: ANN401  # boto3's client
        self._dynamodb = dynamodb
        self._table = table

    def take(self, drill_id: str, limit: int) -> bool:
        """Take a place; True also for a drill that has one."""
        condition = (
            "attribute_not_exists(holders) OR contains(holders, :me) OR size(holders) < :limit"
        )
        return self._update("ADD", drill_id, condition, {":me": drill_id, ":limit": limit})

    def drop(self, drill_id: str) -> None:
        self._update("DELETE", drill_id, "contains(holders, :me)", {":me": drill_id})

    def holders(self) -> frozenset[str]:
        """The drills that have a place."""
        with attempting("read the places of drills", self._table):
            found = self._dynamodb.get_item(
                TableName=self._table, Key=typed(KEY), ConsistentRead=True
            )
        return frozenset(plain(found.get("Item", {})).get("holders", ()))

    def _update(self, verb: str, drill_id: str, condition: str, values: dict[str, Any]) -> bool:
        with attempting(f"take or drop the place of drill {drill_id}", self._table):
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=typed(KEY),
                    UpdateExpression=f"{verb} holders :one",
                    ConditionExpression=condition,
                    ExpressionAttributeValues=typed({":one": {drill_id}, **values}),
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] == TAKEN:
                    return False
                raise
        return True
