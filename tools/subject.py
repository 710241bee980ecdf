"""The hook of a commit's message: its subject is short and begins with a scope."""

import re
import sys
from pathlib import Path

LONGEST = 71
PASSED_ON = ("Merge ", "Revert ", "fixup! ", "squash! ")
"""Git's own words."""


def flaw(subject: str) -> str:
    """What is wrong with it; empty: nothing."""
    if subject.startswith(PASSED_ON):
        return ""
    if not re.match(r"[a-z][\w./-]*(, [a-z][\w./-]*)*: \S", subject):
        return "a subject begins with a scope, as in `config: …` or `aws, docs: …`"
    if len(subject) > LONGEST:
        return f"a subject has less than 72 characters; this one has {len(subject)}"
    return ""


def main() -> int:
    subject, *_ = Path(sys.argv[1]).read_text().splitlines() or [""]
    problem = flaw(subject)
    print(problem, file=sys.stderr, end="\n" if problem else "")
    return bool(problem)


if __name__ == "__main__":
    sys.exit(main())
