"""What users and their editors get of the configuration's format: its schema and an example."""

from importlib.resources import files
from typing import Any

from restorecheck.checks.kinds.query import BARE_EXPECTATIONS
from restorecheck.config.models import ConfigFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema of restorecheck.yaml, from the same models that validate it."""
    schema = ConfigFile.model_json_schema()
    expect = schema["$defs"]["Expect"]
    # The bare words are accepted before the model sees them, so its own schema does not know them.
    schema["$defs"]["Expect"] = {
        "description": expect.pop("description"),
        "anyOf": [{"enum": list(BARE_EXPECTATIONS)}, expect],
    }
    return {"$schema": DIALECT, **schema}


def example() -> str:
    """A commented, valid restorecheck.yaml."""
    return files("restorecheck.config").joinpath("example.yaml").read_text("utf-8")
