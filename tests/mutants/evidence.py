"""Bugs in signatures, notes and evidence packs."""

from tests.mutants.planted import bug

ENVELOPES = "tests/unit/signing/test_envelopes.py"
GAPS = "tests/unit/evidence/test_gaps.py"
HISTORY = "tests/unit/test_history.py"
PACK = "tests/unit/evidence/test_pack.py"
ROWS = "tests/unit/evidence/test_rows.py"
SIGNATURES = "tests/unit/evidence/test_signatures.py"
STATEMENTS = "tests/unit/evidence/test_statements.py"

EVIDENCE = (
    bug(
        "a signature is not asked whether a key made it",
        "opened",
        "        envelope.verify(known, 1)\n",
        "        pass\n",
        ENVELOPES,
    ),
    bug(
        "a signature of another report passes",
        "_misfit",
        "if found != digests:",
        "if not found:",
        STATEMENTS,
    ),
    bug(
        "a removed signature is not missed",
        "signature_flaws",
        "            if signed:\n",
        "            if not entry:\n",
        SIGNATURES,
    ),
    bug(
        "a replaced key signs on",
        "signature_flaws",
        "replaced[present] = entry.sequence",
        "pass",
        SIGNATURES,
    ),
    bug(
        "a line of the history may say another verdict than its report",
        "_listed",
        '"verdict": entry.verdict.value',
        '"verdict_": ""',
        HISTORY,
    ),
    bug(
        "a signature that was not checked is called valid",
        "_signature",
        "if not judged:",
        "if judged is None:",
        ROWS,
    ),
    bug(
        "a drill that could not tell is no deviation",
        "DrillRow.is_deviation",
        "self.verdict != Verdict.VERIFIED.value",
        "self.verdict == Verdict.FAILED.value",
        ROWS,
    ),
    bug(
        "the days before the first drill are forgotten",
        "gaps_of_days",
        "before = since - DAY",
        "before = known[0] - DAY",
        GAPS,
    ),
    bug(
        "an approval of another period counts",
        "Pack.approvals",
        "(n.since, n.until, n.targets) == asked",
        "n.targets == asked[2]",
        PACK,
    ),
)
