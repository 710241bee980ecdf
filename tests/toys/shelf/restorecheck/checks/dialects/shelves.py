"""The SQL of shelves, which is SQLite's; `crc32` is the checker's own."""

from restorecheck.checks.scan_statements import NULLS, Aggregate, Merge, Question
from restorecheck.checks.tables import KeyPair

MOMENTS = frozenset({"DATE"})


def rows(relation):
    return _name(relation.name)


def statement(table, wanted, blocks):  # every shelf is read as a whole
    return f"select {_listed(a.sql for a in wanted)} from {_name(table.name)} as t"


def of_view(relation, wanted):
    pairs = ", ".join(f"{_text(a.key)}, {a.sql}" for a in wanted)
    return f"select json_object({pairs}) from {rows(relation)} as t"


def batch(scans):
    each = (f"select {n}, ({statement(t, wanted, None)})" for n, (t, wanted) in enumerate(scans))
    return " union all ".join(each)


def together(questions):
    return "select " + ", ".join(f"({question.sql})" for question in questions)


def units(table, *, major, size=0):  # as above
    return (None,)


def fingerprint(columns, *, major):  # it was never another one
    return f"sum(crc32({_listed(_value(column) for column in columns)}))"


def constraints(table):
    if required := [lacks(column) for column in table.columns if column.not_null]:
        yield violations(" or ".join(required), NULLS)


def newest(column, key, until=None):
    value = f"unixepoch(t.{_name(column)})"
    until_then = f"case when {value} <= {until.timestamp()} then {value} end" if until else value
    return Aggregate(key, f"max({until_then})", Merge.MAX)


def later(column, key, until):
    after = f"unixepoch(t.{_name(column)}) > {until.timestamp()}" if until else "false"
    return violations(after, key)


def violations(condition, key):
    return Aggregate(key, f"count(case when {condition} then 1 end)")


def lacks(column):
    return f"{_value(column)} is null"


def outside(column, least, most):
    ends = (("<", least), (">", most))
    return " or ".join(f"{_value(column)} {sign} {_text(end)}" for sign, end in ends if end)


def unlisted(column, values):
    return f"{_value(column)} not in ({', '.join(map(_text, values))})"


def finite(column):
    return f"{_value(column)} between -1e308 and 1e308"


def total(column, key):
    return Aggregate(key, f"sum(case when {finite(column)} then {_value(column)} end)")


def pair(here, there):
    return KeyPair(here=here.name, there=there.name)


def orphans(key, *, name=""):
    points = " and ".join(f"c.{_name(pair.here)} is not null" for pair in key.pairs)
    same = " and ".join(f"p.{_name(pair.there)} = c.{_name(pair.here)}" for pair in key.pairs)
    found = f"exists (select 1 from {key.target} as p where {same})"
    sql = f"select count(*) from {key.table} as c where {points} and not {found}"
    return Question(key=name or key.name, sql=sql)


def duplicates(relation, columns, *, name, by_index, major):  # there are no indexes
    values = ", ".join(map(_value, columns))
    there = " and ".join(f"{_value(column)} is not null" for column in columns)
    each = f"select count(*) as n from {rows(relation)} as t where {there} group by {values}"
    number = "count(case when n > 1 then 1 end) || ' ' || coalesce(sum(n), 0)"
    return Question(key=name, sql=f"select {number} from ({each})")


def _listed(values):
    return f"json_array({', '.join(values)})"


def _value(column):
    return f"t.{_name(column.name)}"


def _name(text):
    return "`" + text.replace("`", "``") + "`"


def _text(value):
    return "'" + str(value).replace("'", "''") + "'"
