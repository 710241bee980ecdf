"""The reference pages that are made from the models. Run by `make schema`, compared by a test."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from restorecheck import config
from restorecheck.conformance import reading, recording
from restorecheck.conformance.questions import QUESTIONS, OpenQuestion
from restorecheck.report import document
from restorecheck.rules.catalogue import RULES, By, Rule
from tests import messages, strings
from tests.iam import guarded

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"

HEAD = """# Configuration

`restorecheck.yaml`, found as the [commands](cli.md) say. `restorecheck config validate` lists every problem with its line;
`restorecheck config schema` prints the JSON Schema, which editors use to complete and check while you type.

Relative paths are relative to the file. Inside of any text `${NAME}` is replaced by an environment variable and
`${file:/run/secrets/x}` by a file's content; passwords in plain text are refused. Top-level keys that begin with `x-` are ignored:
a place for YAML anchors. Every target may override each key of `defaults`.

"""


@cache
def pages() -> dict[str, str]:
    """File name → content."""
    return {
        "report.schema.json": json.dumps(document.json_schema(), indent=2) + "\n",
        "restorecheck.schema.json": json.dumps(config.json_schema(), indent=2) + "\n",
        "config.md": config_page(config.json_schema()),
        "rules.md": rules_page(),
        "messages.md": messages.page(),
        "texts.md": strings.page(),
    }


RULES_HEAD = """# Rules of `doctor` and `audit`

What [`restorecheck doctor`](../how-to/doctor.md) and [`restorecheck audit`](../how-to/exposure.md) look for. Ids do not change their meaning.
A finding is `ok`, a `problem`, or `not looked at`: what could not be read is never taken for well.

| severity | means |
|---|---|
| critical | one command, and the data are gone; or no drill can work |
| high | one mistake away from that |
| medium, low | worth knowing |

"""


def rules_page() -> str:
    parts = [RULES_HEAD]
    for by in By:
        rules = [rule for rule in RULES if rule.by is by]
        lines = [f"## {by.value}", "", "| id | severity | what must hold |", "|---|---|---|"]
        lines += [
            f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity.value} | {rule.title} |"
            for rule in rules
        ]
        parts.append("\n".join(lines) + "\n\n")
        parts += [_rule(rule) for rule in rules]
    return "".join(parts).rstrip("\n") + "\n"


def _rule(rule: Rule) -> str:
    local = rule.link.startswith("docs/")
    link = f"../{rule.link.removeprefix('docs/')}" if local else rule.link
    return (
        f"### {rule.id}\n\n**{rule.title}** ({rule.severity.value})\n\n{rule.why}\n\n"
        f"Reads: {rule.reads}.  \nFix: {rule.mend}  \nMore: [{link.rpartition('/')[2]}]({link})\n\n"
    )


def config_page(schema: dict[str, Any]) -> str:
    sections = [("The file", schema)]
    sections += [(name, part) for name, part in schema["$defs"].items() if "properties" in part]
    return HEAD + "\n".join(_section(name, part) for name, part in sections)


EXPLANATION = REFERENCE.parent / "explanation" / "rds.md"
RECORDINGS = Path(__file__).parent / "rds" / "recordings"
BEGIN, END = "<!-- the registry of questions: make schema -->", "<!-- end of the registry -->"


def explanation() -> str:
    """docs/explanation/rds.md with the table of open questions as the registry has it."""
    before, _, rest = EXPLANATION.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{questions_table()}{END}{after}"


def questions_table() -> str:
    recorded = recorded_answers()
    lines = [
        "| question | documented | recorded on AWS | the sandbox answers |",
        "|---|---|---|---|",
    ]
    lines += [_question(question, recorded.get(question.id, [])) for question in QUESTIONS]
    return "\n".join(lines) + "\n"


def recorded_answers() -> dict[str, list[str]]:
    """Question → what recordings of real accounts show; those of the sandbox tell nothing of AWS."""
    found: dict[str, list[str]] = {}
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        read = recording.parse(file.read_text())
        if not read.header.simulated:
            for question, answer in reading.answers(read).items():
                found.setdefault(question, []).append(answer)
    return found


def _question(question: OpenQuestion, recorded: list[str]) -> str:
    shown = "; ".join(dict.fromkeys(recorded)) or "not tried yet"
    also = f" (can also: {'; '.join(question.also)})" if question.also else ""
    played = f"{question.by_default}{also}" if question.answers else "it has no such thing"
    return f"| {question.asks} | {question.documented or 'nothing'} | {shown} | {played} |"


def _section(name: str, part: dict[str, Any]) -> str:
    title = part.get("title", name)
    lines = [f"## {name if name == 'The file' else title}", ""]
    if part.get("description"):
        lines += [part["description"], ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = set(part.get("required", ()))
    for key, value in part["properties"].items():
        default = "required" if key in required else _default(value)
        lines.append(f"| `{key}` | {_type(value)} | {default} | {value.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _default(value: dict[str, Any]) -> str:
    if value.get("default") is None:
        return ""
    return f"`{json.dumps(value['default'])}`"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "anyOf" in value or "oneOf" in value:
        kinds = [_type(part) for part in value.get("anyOf") or value["oneOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return " or ".join(f"`{item}`" for item in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {})) or 'values'}"
    return str(value.get("type", ""))


if __name__ == "__main__":
    for name, content in pages().items():
        (REFERENCE / name).write_text(content)
    guarded.write()
    EXPLANATION.write_text(explanation())
