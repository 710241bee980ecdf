"""Whether an error of a load may depend on how the database compares texts.

A constraint without a collation gives the same result under every locale.
"""

import re

from restorecheck.postgres.dump.load_errors import LoadError
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.session.connection import Connection

_CHECK = re.compile(
    r'^new row for relation "(.*)" violates check constraint "(.*)"$'
    r'|^check constraint "(.*)" of relation "(.*)" is violated by some row$'
)
_PARTITION = re.compile(
    r'^no partition of relation "(.*)" found for row$'
    r'|^new row for relation "(.*)" violates partition constraint$'
)

CHECK = r"""
select exists (
  select from pg_constraint k join pg_class c on c.oid = k.conrelid
  where c.relname = %s and k.conname = %s and k.conbin::text ~ ':inputcollid [1-9]')
"""
"""Source: src/include/nodes/primnodes.h: each function and operator in an expression has an inputcollid."""
PARTITION = """
select exists (
  select from pg_class c
  join pg_partitioned_table p on p.partrelid = c.oid
    or p.partrelid = (select inhparent from pg_inherits where inhrelid = c.oid)
  where c.relname = %s and exists (select from unnest(p.partcollation) o where o <> 0))
"""
_CALLS = re.compile(r"\(.*\w\(|\bCOLLATE\b", re.DOTALL)
FOLDING = "citext"


def may_decide(connection: Connection, error: LoadError, inspection: Inspection) -> bool:
    """Whether the collation may decide; True if that is not known."""
    if match := _CHECK.match(error.message):
        table, name = (match[1], match[2]) if match[1] is not None else (match[4], match[3])
        return _is(connection, CHECK, table, name)
    if match := _PARTITION.match(error.message):
        return _is(connection, PARTITION, match[1] or match[2])
    if error.sqlstate in {"23505", "23P01"}:
        # Equal texts have equal bytes, unless they are folded first.
        definition = error.entry.defn if error.entry is not None else ""
        return FOLDING in inspection.needs.extensions or _CALLS.search(definition) is not None
    return True


def _is(connection: Connection, question: str, *names: str) -> bool:
    row = connection.execute(question.encode(), names).fetchone()
    return row is not None and bool(row[0])
