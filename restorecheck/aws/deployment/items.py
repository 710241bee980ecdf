"""Items of DynamoDB as Python's values, through boto3's own types."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

Item = dict[str, Any]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def typed(values: Mapping[str, Any]) -> Item:
    """An item in the form of a client: `{"S": "text"}`. A fraction is a Decimal: DynamoDB has no float."""
    return {name: _serialize(value) for name, value in values.items()}


def plain(item: Mapping[str, Any]) -> Item:
    """The inverse of `typed`; numbers are Decimals."""
    return {name: _deserialize(value) for name, value in item.items()}
