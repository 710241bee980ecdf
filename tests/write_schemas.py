"""Write the JSON Schemas that are committed below docs/reference. Run by `make schema`."""

import json
from pathlib import Path

from restorecheck import config
from restorecheck.report import document

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"

for name, schema in (("report", document.json_schema()), ("restorecheck", config.json_schema())):
    (REFERENCE / f"{name}.schema.json").write_text(json.dumps(schema, indent=2) + "\n")
