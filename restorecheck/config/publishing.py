"""The schema of the configuration for editors, and an example for users."""

from importlib.resources import files
from typing import Any

from restorecheck.checks.kinds.query import BARE_EXPECTATIONS
from restorecheck.config.models import ConfigFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema of restorecheck.yaml, from the same models that validate it."""
    schema = ConfigFile.model_json_schema()
    expect = schema["$defs"]["Expect"]
    # Plain words are converted before validation, so the model's own schema does not include them.
    schema["$defs"]["Expect"] = {
        "description": expect.pop("description"),
        "anyOf": [{"enum": list(BARE_EXPECTATIONS)}, expect],
    }
    schema["required"].remove("targets")
    schema["anyOf"] = [{"required": ["targets"]}, {"required": ["discover"]}]
    return {"$schema": DIALECT, **schema}


def example() -> str:
    """A commented, valid restorecheck.yaml."""
    return files("restorecheck.config").joinpath("example.yaml").read_text("utf-8")
