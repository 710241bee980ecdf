"""Bugs where few ways lead to: what checks are called, what a later version has written, what a reader asked to see,
what was made in vain. As in planted.py.
"""

from tests.mutants.planted import bug

KEYS_TESTS = "tests/unit/checks/test_keys.py"
CONFIGURED_TESTS = "tests/unit/checks/test_kinds_configured.py"
QUERY_TESTS = "tests/unit/checks/test_kinds_query.py"
BUILT_IN_TESTS = "tests/unit/checks/test_kinds_built_in.py"
STATISTICS_TESTS = "tests/unit/checks/test_column_statistics.py"
BASELINE_TESTS = "tests/unit/checks/test_baseline.py"
PAGE_TESTS = "tests/unit/report/html/test_page.py"
MACHINE_TESTS = "tests/unit/rules/test_machine.py"
PLAIN_TESTS = "tests/unit/postgres/dumpfiles/test_plain_sql.py"
PROVE_TESTS = "tests/damage/test_prove.py"
LIFECYCLE_TESTS = "tests/unit/test_lifecycle.py"

EDGES = (
    # --- what a check is called, and which keys are one -------------------------------------------
    bug(
        "a heartbeat is called as freshness is",
        "HeartbeatKeys.about",
        'return "heartbeat"',
        'return "freshness"',
        KEYS_TESTS,
    ),
    bug(
        "of several columns only the first is in the name",
        "UniqueKeys.about",
        "{', '.join(self.columns)}",
        "{self.columns[0]}",
        KEYS_TESTS,
    ),
    bug(
        "a share of NULL without any bound is a check",
        "PercentNullKeys._has_a_bound",
        "if self.max is None and self.max_rise is None:",
        "if False:",
        KEYS_TESTS,
    ),
    bug(
        "truth values may stand among other values",
        "AcceptedValuesKeys._is_of_one_kind",
        "> 1",
        "> 2",
        KEYS_TESTS,
    ),
    bug(
        "a bound of the share of NULL that is not given is none at all",
        "PercentNull.judge",
        'if (most := options.get("max")) is not None:\n    holds = share <= Fraction(str(most))',
        'holds = share <= Fraction(str(options.get("max") or 0))',
        CONFIGURED_TESTS,
    ),
    bug(
        "the column of a check by a key is not looked up",
        "OfRelation.used",
        '("column", "key")',
        '("column",)',
        CONFIGURED_TESTS,
    ),
    # --- what an answer is ------------------------------------------------------------------------
    bug(
        "an expectation of a later version is met",
        "_judge_value",
        "case _:\n    return Judgement(CheckOutcome.ERROR",
        "case _:\n    return Judgement(CheckOutcome.PASSED",
        QUERY_TESTS,
    ),
    bug(
        "why the contents of large objects could not be compared is lost",
        "_objects",
        "keys = {ROWS: LARGE_OBJECTS, PRINT: LARGE_CONTENTS}",
        "keys = {ROWS: LARGE_OBJECTS}",
        CONFIGURED_TESTS,
    ),
    bug(
        "large objects of a manifest have no contents",
        "_objects",
        "PRINT: reading.answers.get(LARGE_CONTENTS)",
        "PRINT: reading.answers.get(LARGE_OBJECTS)",
        CONFIGURED_TESTS,
    ),
    bug(
        "a table without rows lacks its contents",
        "_compared",
        'if values[ROWS] == "0":\n    return "", ""\n',
        "",
        CONFIGURED_TESTS,
    ),
    bug(
        "a missing right to amcheck is no doubt",
        "_explained",
        'if any("42501" in reason for reason in every):\n    yield (',
        'if any("42501" in reason for reason in every):\n    str(',
        BUILT_IN_TESTS,
    ),
    bug(
        "an old amcheck gets an argument that it ignores",
        "extensions",
        "superuser and major >= FIRST_FUNCTIONS_MAJOR",
        "superuser",
        "tests/unit/postgres/scan/test_catalog.py",
    ),
    bug(
        "a part of a table that was given up counts as all of it",
        "ScanProgress.note",
        "key not in self.open[name]",
        "not key",
        "tests/unit/scan/test_table_scan.py",
    ),
    bug(
        "work of one connection is lost where several share it",
        "_shares",
        "zip(work, shares, strict=True)",
        "zip(work[:1], shares[:1], strict=True)",
        "tests/unit/scan/test_table_scan.py",
    ),
    bug(
        "row security is passed by pg_read_all_data",
        "how_to_grant",
        'if "row-level security" in reason:',
        'if "row-level security" in reason and major < READ_ALL_MAJOR:',
        "tests/unit/checks/test_access.py",
    ),
    # --- what is kept of a night ------------------------------------------------------------------
    bug(
        "a kind of column of a later version is read as another one",
        "_unpacked_column",
        'if number >= len(KINDS):\n    raise ValueError("statistics of columns: an unknown kind of column")\n',
        "number = min(number, len(KINDS) - 1)\n",
        STATISTICS_TESTS,
    ),
    bug(
        "states of groups that are not there are written",
        "_pack",
        "for key, state in zip(probes.keys, states, strict=True):\n    if key != NOTHING:",
        "for state in states:\n    if True:",
        STATISTICS_TESTS,
    ),
    bug(
        "any time tells when a row was born",
        "_tells_birth",
        "kind_of(column) is MeasureKind.TIME and BORN.search(column.name.lower()) is not None",
        "kind_of(column) is MeasureKind.TIME",
        STATISTICS_TESTS,
    ),
    bug(
        "a table that comes back is new",
        "_events",
        "if name not in before.past:",
        "if True:",
        BASELINE_TESTS,
    ),
    bug(
        "a schema of a few rows is missed",
        "_Losses._schemas",
        "rows >= WORTH_WATCHING and",
        "",
        BASELINE_TESTS,
    ),
    bug(
        "a column's name loses what stands before its dot",
        "split_column",
        'column = f"{more}.{column}"',
        "column = more",
        "tests/unit/checks/test_pairs.py",
    ),
    bug(
        "a materialized view is not told from a table the next night",
        "Table.traits",
        "(VIEW, self.view),",
        "",
        "tests/unit/checks/test_tables.py",
    ),
    bug(
        "a structure that fits nowhere is its keys alone",
        "bounded",
        "sorted(structure.items())",
        "sorted(structure)",
        "tests/unit/checks/test_structure.py",
    ),
    bug(
        "checks of the structure have no subject in common",
        "checks/propose/_table_of",
        'return ""',
        "return str(keys)",
        "tests/unit/checks/propose/test_proposal.py",
    ),
    # --- the configuration ------------------------------------------------------------------------
    bug(
        "pieces of a pipe are read without an end",
        "content_of",
        "for _ in range(PIECES):",
        "while True:",
        "tests/unit/config/test_config.py",
    ),
    bug(
        "addresses in a mapping are no secrets",
        "Channel.secrets",
        "[value for _, value in self.own]",
        "[]",
        "tests/unit/config/test_notify.py",
    ),
    bug(
        "all databases of an instance are one that is called all",
        "resolved",
        'own["databases"] = None  # this kind always checks all',
        "pass",
        "tests/unit/config/sources/test_rds.py",
    ),
    bug(
        "a key for a secret that is not made is accepted",
        "_credentials",
        'if kind != "managed-secret" and restore.get("master_user_secret_kms_key_id") is not None:',
        'if kind == "iam" and restore.get("master_user_secret_kms_key_id") is not None:',
        "tests/unit/config/sources/test_rds.py",
    ),
    bug(
        "checks are added to another target than the one that is meant",
        "_Merger._find",
        "isinstance(name, yaml.ScalarNode) and name.value == self._target",
        "isinstance(name, yaml.ScalarNode)",
        "tests/unit/config/test_proposed.py",
    ),
    # --- a second try -----------------------------------------------------------------------------
    bug(
        "what is made in place of something is in no ledger",
        "_make_instead",
        "return drill.evolve(plan=plan, ledger=(*drill.ledger, new))",
        "return drill.evolve(plan=plan)",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what was made in vain is parked",
        "_make_instead",
        "new if resource == old else resource",
        "resource",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what was made in vain is forgotten",
        "_make_instead",
        "ledger=(*drill.ledger, new)",
        "ledger=(*(r for r in drill.ledger if r != old), new)",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a second try that is told twice is made twice",
        "_make_instead",
        "if new in drill.ledger:\n    return drill\n",
        "",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what a person has renamed is deleted when it is ended by name",
        "_spare",
        "if leftover.renamed:",
        "if leftover.renamed and not leftover.kept:",
        "tests/unit/test_sweep.py",
    ),
    bug(
        "an instance that was adopted is told as a copied snapshot",
        "production",
        "if report.restore.adopted:",
        "if report.restore.adopted and report.backup is None:",
        "tests/unit/report/test_restorable.py",
    ),
    # --- pages and doctor -------------------------------------------------------------------------
    bug(
        "one word of a search is enough",
        "View.admits",
        "all(word in target.lower() for word in words)",
        "any(word in target.lower() for word in words or [''])",
        PAGE_TESTS,
    ),
    bug(
        "a group that is not known shows nothing",
        "View.admits",
        "self.show not in SHOWN or",
        "",
        PAGE_TESTS,
    ),
    bug(
        "a link forgets what was searched for",
        "View.address",
        '"search": self.search,',
        "",
        PAGE_TESTS,
    ),
    bug(
        "without a proof is after the newest proof",
        "render_index",
        "s.proven_at.timestamp() if s.proven_at else 0",
        "s.proven_at.timestamp() if s.proven_at else now.timestamp() + 1",
        PAGE_TESTS,
    ),
    bug(
        "an objective that was not measured is met",
        "_objective",
        'return question, "doubt", found',
        'return question, "good", found',
        PAGE_TESTS,
    ),
    bug(
        "of a drill over midnight only the first day is said",
        "_span",
        "if first.date() != last.date():",
        "if False:",
        PAGE_TESTS,
    ),
    bug(
        "a target that was never proven is not said to be overdue",
        "_news",
        "elif status.overdue and status.proven_at is None:",
        "elif status.overdue and status.proven_at is not None:",
        PAGE_TESTS,
    ),
    bug(
        "a private address is this machine",
        "_is_loopback",
        ".is_loopback",
        ".is_private",
        MACHINE_TESTS,
    ),
    bug(
        "an address of IPv6 is a name",
        "_is_loopback",
        'host.strip("[]")',
        "host",
        MACHINE_TESTS,
    ),
    bug(
        "a token that everybody reads is not told",
        "_pages",
        "if facts.token_is_open else",
        "if facts.token_problem else",
        MACHINE_TESTS,
    ),
    bug(
        "a dump of no known age is young enough",
        "_age",
        'return not_looked_at("RC103", dump.target, "the dump itself", why)',
        'return ok("RC103", dump.target, why)',
        MACHINE_TESTS,
    ),
    # --- what a damage changed --------------------------------------------------------------------
    bug(
        "no damage changes the catalog",
        "Prover._changed",
        "any(name.startswith(CATALOG) for name in counted)",
        "False",
        PROVE_TESTS,
    ),
    bug(
        "a table that was truncated is as it was",
        "_differ",
        "or after.blocks < before.blocks",
        "",
        PROVE_TESTS,
    ),
    bug(
        "rows that were changed are kept because their table was to be damaged",
        "Prover._changed",
        "kept={*declared} - rows",
        "kept={*declared}",
        PROVE_TESTS,
    ),
    # --- dumps of INSERTs -------------------------------------------------------------------------
    bug(
        "an escape string ends at its first quote",
        "_INSERTS",
        "(?<![Ee])",
        "",
        PLAIN_TESTS,
    ),
    bug(
        "INSERTs into a table that is left out are run",
        "Filter.passed",
        "self._dropping or self._entry_left_out",
        "self._dropping",
        PLAIN_TESTS,
    ),
)
