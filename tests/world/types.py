"""Types of columns, with values that are equal to each other in one sense and not in another.

Four nights of each: the first; one on which the rows lie in another order; one on which the first row has
a value that only its text, or only its bytes, tells from the former; one with a NULL and a bad value more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.world.nights import FAILED, PASSED, Answer, Answers

ANY = (Answer("passed"), Answer("failed"), Answer("error"))
REFUSED = (
    Answer(
        "error", r"(?i)operator|type|cast|number|equal|compare|order|representation|parameter value"
    ),
)
ROWS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    name: str
    type: str
    values: tuple[str, ...]
    """SQL, of rows 1, 2, 3, and again from the beginning."""
    subtle: str
    """SQL, of row 1 on the third night."""
    accepted: tuple[object, ...] = ()
    """As the configuration has them; all values are among them."""
    bad: str = ""
    """SQL: none of the accepted ones, out of the bounds, far from the average."""
    bounds: tuple[object, object] | None = None
    """Least and greatest, as the configuration has them."""
    numbers: bool = False
    """It has an average."""
    refusable: bool = False
    """Where the type has no equality or no order, to say so is right as well."""
    setup: str = ""
    again: str = ""
    """On the second night, which is as healthy."""
    more: str = ""
    """Other columns."""
    answers: Mapping[str, tuple[Answers, ...]] = field(default_factory=dict)
    """What is right for a kind, where it is not what it is for others."""


def options(case: Case) -> dict[str, dict[str, object]]:
    asked: dict[str, dict[str, object]] = {
        "not_null": {"columns": ["v"]},
        "unchanged": {},
        "append_only": {"key": "id"},
        "distribution": {"column": "v", "max_shift": "10%"},
        "percent_null": {"column": "v", "max": "5%"},
    }
    if case.accepted:
        asked["accepted_values"] = {"column": "v", "values": list(case.accepted)}
    if case.bounds:
        low, high = case.bounds
        asked["range"] = {"column": "v", "min": low, "max": high}
    return asked


def expected(case: Case, kind: str) -> tuple[Answers, ...]:
    if kind in case.answers:
        return case.answers[kind]
    match kind:
        case "not_null" | "percent_null":
            return (PASSED, PASSED, PASSED, FAILED)
        case "unchanged":
            return (PASSED, PASSED, FAILED, FAILED)
        case "append_only":
            return (PASSED, PASSED, FAILED, PASSED)
        case "distribution" if not case.numbers:
            return (REFUSED,) * 4
    refused = REFUSED if case.refusable else ()
    return (PASSED + refused, PASSED + refused, ANY, FAILED + refused)


NEVER_MOVES = {"distribution": (PASSED, PASSED, ANY, ANY)}
MAYBE_NUMBERS = {"distribution": (PASSED + REFUSED, PASSED + REFUSED, ANY, ANY)}
UNKNOWN = (Answer("error", r"(?i)no such level|enum"),)
NUMBERS = (
    Case(
        name="int2",
        type="int2",
        values=("1", "2", "3"),
        subtle="4",
        accepted=(1, 2, 3),
        bad="1000",
        bounds=(1, 3),
        numbers=True,
    ),
    Case(
        name="int4",
        type="int4",
        values=("1", "2", "3"),
        subtle="4",
        accepted=("1", "2", "3"),
        bad="1000",
        bounds=(1, 3.5),
        numbers=True,
    ),
    Case(
        name="int8 beyond what a float holds",
        type="int8",
        values=("9007199254740993",),
        subtle="9007199254740992",
        accepted=(9007199254740993,),
        bad="9007199254740994",
        bounds=(9007199254740993, 9007199254740993),
        numbers=True,
        answers=NEVER_MOVES,
    ),
    Case(
        name="numeric",
        type="numeric",
        values=("1.0", "2.50", "-3"),
        subtle="1.00",
        accepted=(1, 2.5, -3),
        bad="1000",
        bounds=(-3, 2.5),
        numbers=True,
    ),
    Case(
        name="numeric and texts",
        type="numeric(10, 2)",
        values=("5", "1e3"),
        subtle="5.01",
        accepted=("5", "1000.0"),
        bad="1e6",
        bounds=("5", "1e3"),
        numbers=True,
    ),
    Case(
        name="numeric of huge scale",
        type="numeric",
        values=("1e-1000::numeric", "1e500::numeric"),
        subtle="2e-1000::numeric",
        accepted=("1e-1000", "1e500"),
        bad="1e600::numeric",
        bounds=(0, "1e500"),
        numbers=True,
    ),
    Case(
        name="numeric of negative scale",
        type="numeric(5, -2)",
        values=("1234", "100"),
        subtle="1300",
        accepted=(1200, 100),
        bad="90000",
        bounds=(100, 1200),
        numbers=True,
    ),
    Case(
        name="numeric with NaN",
        type="numeric",
        values=("'NaN'", "1"),
        subtle="1",
        accepted=("NaN", 1),
        bad="1000",
        bounds=(1, "NaN"),
        numbers=True,
        answers={**NEVER_MOVES, "range": (PASSED, PASSED, ANY, PASSED)},
    ),
    Case(
        name="numeric, NaN comes",
        type="numeric",
        values=("1", "2"),
        subtle="1.0",
        accepted=(1, 2),
        bad="'NaN'",
        bounds=(1, 2),
        numbers=True,
    ),
    Case(
        name="numeric with infinity",
        type="numeric",
        values=("'infinity'", "1"),
        subtle="1",
        accepted=("Infinity", 1),
        bad="-1000",
        bounds=(1, "infinity"),
        numbers=True,
        answers=NEVER_MOVES,
    ),
    Case(
        name="numeric, infinity comes",
        type="numeric",
        values=("1", "2"),
        subtle="1.0",
        accepted=(1, 2),
        bad="'infinity'",
        bounds=(1, 2),
        numbers=True,
    ),
    Case(
        name="numeric, infinity and its opposite",
        type="numeric",
        values=("'infinity'", "'-infinity'"),
        subtle="'NaN'",
        accepted=("infinity", "-infinity"),
        bad="0",
        bounds=("-infinity", "infinity"),
        numbers=True,
        answers=NEVER_MOVES,
    ),
    Case(
        name="numeric, all NULL",
        type="numeric",
        values=("null",),
        subtle="0",
        accepted=(1,),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
        answers={"not_null": (FAILED,) * 4, "percent_null": (FAILED,) * 4},
    ),
    Case(
        name="numeric, all zero",
        type="numeric",
        values=("0",),
        subtle="0.0",
        accepted=(0,),
        bad="1000",
        bounds=(0, 0),
        numbers=True,
    ),
    Case(
        name="float8",
        type="float8",
        values=("0.1", "1", "2.5"),
        subtle="0.1::float8 + 1e-17",
        accepted=(0.1, 1.0, 2.5),
        bad="1e300",
        bounds=(0.1, 2.5),
        numbers=True,
    ),
    Case(
        name="float8, large and small",
        type="float8",
        values=("1e21", "1e-7"),
        subtle="1.0000000000000002e21",
        accepted=(1e21, 1e-7),
        bad="1e300",
        bounds=(1e-7, 1e21),
        numbers=True,
    ),
    Case(
        name="float8, the zero below",
        type="float8",
        values=("0",),
        subtle="'-0'",
        accepted=(0,),
        bad="1000",
        bounds=(0, 0),
        numbers=True,
    ),
    Case(
        name="float8 with NaN",
        type="float8",
        values=("'NaN'", "1"),
        subtle="1",
        accepted=("NaN", 1),
        bad="1000",
        bounds=(1, "NaN"),
        numbers=True,
        answers={**NEVER_MOVES, "range": (PASSED, PASSED, ANY, PASSED)},
    ),
    Case(
        name="float8, NaN comes",
        type="float8",
        values=("1", "2"),
        subtle="1.5",
        accepted=(1, 2),
        bad="'NaN'",
        bounds=(1, 2),
        numbers=True,
    ),
    Case(
        name="float8 with infinity",
        type="float8",
        values=("'infinity'", "1"),
        subtle="1",
        accepted=("Infinity", 1),
        bad="-1000",
        bounds=(1, "infinity"),
        numbers=True,
        answers=NEVER_MOVES,
    ),
    Case(
        name="float8, infinity comes",
        type="float8",
        values=("1", "2"),
        subtle="1.5",
        accepted=(1, 2),
        bad="'-infinity'",
        bounds=(1, 2),
        numbers=True,
    ),
    Case(
        name="float4",
        type="float4",
        values=("0.7", "0.9"),
        subtle="0.70000005",
        accepted=(0.7, 0.9),
        bad="1e30",
        bounds=(0.7, 0.9),
        numbers=True,
    ),
    Case(
        name="float4, the other end",
        type="float4",
        values=("0.05", "0.1"),
        subtle="0.06",
        accepted=("0.05", "0.1"),
        bad="1e30",
        bounds=(0.05, 0.1),
        numbers=True,
    ),
    Case(
        name="money",
        type="money",
        values=("5", "7.5"),
        subtle="5.01",
        accepted=(5, 7.5),
        bad="50000",
        bounds=(5, 7.5),
        numbers=True,
    ),
    Case(
        name="money as texts",
        type="money",
        values=("5", "7000.5"),
        subtle="5.01",
        accepted=("$5.00", "$7,000.50"),
        bad="5000000",
        bounds=("$5.00", "$7,000.50"),
        numbers=True,
    ),
    Case(name="bool", type="bool", values=("true",), subtle="false", accepted=(True,), bad="false"),
    Case(
        name="bool, in other letters",
        type="bool",
        values=("true",),
        subtle="false",
        accepted=("t",),
        bad="false",
    ),
    Case(
        name="oid",
        type="oid",
        values=("1", "4294967295"),
        subtle="2",
        accepted=(1, 4294967295),
        bad="77",
        numbers=True,
        answers=MAYBE_NUMBERS,
    ),
    Case(
        name="xid", type="xid", values=("'1'", "'2'"), subtle="'3'", accepted=("1", "2"), bad="'77'"
    ),
    Case(
        name="xid8",
        type="xid8",
        values=("'1'", "'2'"),
        subtle="'3'",
        accepted=("1", "2"),
        bad="'77'",
        bounds=("1", "2"),
        refusable=True,
    ),
    Case(
        name="cid", type="cid", values=("'1'", "'2'"), subtle="'3'", accepted=("1", "2"), bad="'77'"
    ),
    Case(
        name="tid",
        type="tid",
        values=("'(1,2)'",),
        subtle="'(1,3)'",
        accepted=("(1,2)",),
        bad="'(9,9)'",
        bounds=("(1,2)", "(1,2)"),
    ),
    Case(
        name="pg_lsn",
        type="pg_lsn",
        values=("'0/10'", "'1/0'"),
        subtle="'0/11'",
        accepted=("0/10", "1/0"),
        bad="'F/0'",
        bounds=("0/10", "1/0"),
    ),
)
TEXTS = (
    Case(
        name="text",
        type="text",
        values=("'a'", "'b''c'"),
        subtle="'a '",
        accepted=("a", "b'c"),
        bad="'zz'",
        bounds=("a", "c"),
    ),
    Case(
        name="text with numbers",
        type="text",
        values=("'1'", "'2'"),
        subtle="'01'",
        accepted=(1, 2),
        bad="'77'",
        answers=MAYBE_NUMBERS,
    ),
    Case(
        name="text and a number for its bound",
        type="text",
        values=("'1'", "'2'"),
        subtle="'01'",
        bad="'77'",
        bounds=(1, 2),
        answers={**MAYBE_NUMBERS, "range": (REFUSED,) * 4},
    ),
    Case(
        name="text, composed and decomposed",
        type="text",
        values=("U&'\\00e9'",),
        subtle="U&'e\\0301'",
        accepted=("é",),
        bad="U&'e\\0301'",
    ),
    Case(
        name="text, '' and NULL",
        type="text",
        values=("''", "'x'"),
        subtle="'y'",
        accepted=("", "x"),
        bad="'zz'",
    ),
    Case(
        name="text of a nondeterministic collation",
        type="text collate types.loose",
        values=("'a'", "'b'"),
        subtle="'A'",
        accepted=("a", "b"),
        bad="'zz'",
        setup="create collation types.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    ),
    Case(
        name="varchar(10)",
        type="varchar(10)",
        values=("'a'", "'b'"),
        subtle="'a '",
        accepted=("a", "b"),
        bad="'zz'",
        bounds=("a", "c"),
    ),
    Case(
        name="char(5)",
        type="char(5)",
        values=("'a'", "'b'"),
        subtle="'c'",
        accepted=("a", "b"),
        bad="'zz'",
        bounds=("a", "b"),
    ),
    Case(
        name="char without length",
        type="bpchar",
        values=("'a'", "'b'"),
        subtle="'a '",
        accepted=("a", "b"),
        bad="'zz'",
        bounds=("a", "b"),
    ),
    Case(
        name="name",
        type="name",
        values=("'a'", "'b'"),
        subtle="'A'",
        accepted=("a", "b"),
        bad="'zz'",
        bounds=("a", "b"),
    ),
    Case(
        name="char of one byte",
        type='"char"',
        values=("'a'", "'b'"),
        subtle="'c'",
        accepted=("a", "b"),
        bad="'z'",
        bounds=("a", "b"),
    ),
    Case(
        name="char of one byte, beyond ASCII",
        type='"char"',
        values=('(-1::int)::"char"', "'b'"),
        subtle='(-2::int)::"char"',
    ),
    Case(
        name="citext",
        type="ext.citext",
        values=("'a'", "'B'"),
        subtle="'A'",
        accepted=("a", "b"),
        bad="'zz'",
        bounds=("A", "B"),
    ),
    Case(
        name="uuid",
        type="uuid",
        values=("'aaaaaaaa-0000-0000-0000-000000000001'",),
        subtle="'aaaaaaaa-0000-0000-0000-000000000002'",
        accepted=("AAAAAAAA-0000-0000-0000-000000000001",),
        bad="'bbbbbbbb-0000-0000-0000-000000000001'",
        bounds=("aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000001"),
    ),
    Case(
        name="bytea",
        type="bytea",
        values=("'\\x01'", "'\\x'"),
        subtle="'\\x00'",
        accepted=("\\x01", "\\x"),
        bad="'\\xff'",
        bounds=("\\x", "\\x01"),
    ),
    Case(
        name="bit(3)",
        type="bit(3)",
        values=("'101'", "'000'"),
        subtle="'100'",
        accepted=("101", "000"),
        bad="'111'",
        bounds=("000", "101"),
    ),
    Case(
        name="varbit",
        type="varbit",
        values=("'101'", "''"),
        subtle="'0101'",
        accepted=("101", ""),
        bad="'111'",
        bounds=("", "101"),
    ),
    Case(
        name="inet",
        type="inet",
        values=("'10.0.0.1'", "'10.0.0.1/24'"),
        subtle="'10.0.0.1/31'",
        accepted=("10.0.0.1", "10.0.0.1/24"),
        bad="'11.0.0.1'",
        bounds=("10.0.0.0/24", "10.0.0.1"),
    ),
    Case(
        name="inet of version 6",
        type="inet",
        values=("'::1'", "'fe80::1'"),
        subtle="'::2'",
        accepted=("0:0:0:0:0:0:0:1/128", "FE80::1"),
        bad="'11.0.0.1'",
    ),
    Case(
        name="cidr",
        type="cidr",
        values=("'10.0.0.0/24'",),
        subtle="'10.0.0.0/25'",
        accepted=("10.0.0/24",),
        bad="'11.0.0.0/8'",
        bounds=("10.0.0.0/8", "10.0.0.0/24"),
    ),
    Case(
        name="macaddr",
        type="macaddr",
        values=("'08:00:2b:01:02:03'",),
        subtle="'08:00:2b:01:02:04'",
        accepted=("08-00-2B-01-02-03",),
        bad="'ff:00:2b:01:02:03'",
        bounds=("08002b:010203", "0800.2b01.0203"),
    ),
    Case(
        name="macaddr8",
        type="macaddr8",
        values=("'08:00:2b:01:02:03:04:05'",),
        subtle="'08:00:2b:01:02:03:04:06'",
        accepted=("08002b:0102030405",),
        bad="'ff:00:2b:01:02:03:04:05'",
    ),
    Case(
        name="json",
        type="json",
        values=("'{\"a\": 1}'",),
        subtle="'{\"a\":1}'",
        accepted=('{"a": 1}',),
        bad="'{}'",
        bounds=("{}", "{}"),
        refusable=True,
    ),
    Case(
        name="jsonb",
        type="jsonb",
        values=("'{\"a\": 1.0}'",),
        subtle="'{\"a\": 1.00}'",
        accepted=('{"a":1}',),
        bad="'{\"b\": 1}'",
        bounds=('{"a": 0}', '{"a": 1.0}'),
    ),
    Case(
        name="jsonpath",
        type="jsonpath",
        values=("'$.a'",),
        subtle="'$.b'",
        accepted=("$.a",),
        bad="'$.z'",
        refusable=True,
    ),
    Case(
        name="xml",
        type="xml",
        values=("'<a/>'",),
        subtle="'<a></a>'",
        accepted=("<a/>",),
        bad="'<z/>'",
        bounds=("<a/>", "<b/>"),
        refusable=True,
    ),
    Case(
        name="tsvector",
        type="tsvector",
        values=("'a:1 b:2'",),
        subtle="'a:1 b:3'",
        accepted=("'b':2 'a':1",),
        bad="'z'",
    ),
    Case(
        name="tsquery",
        type="tsquery",
        values=("'a & b'",),
        subtle="'a <-> b'",
        accepted=("'a' & 'b'",),
        bad="'z'",
    ),
    Case(
        name="refcursor",
        type="refcursor",
        values=("'a'",),
        subtle="'A'",
        accepted=("a",),
        bad="'z'",
        refusable=True,
    ),
    Case(
        name="aclitem",
        type="aclitem",
        values=("'postgres=r/postgres'",),
        subtle="'postgres=w/postgres'",
        accepted=("postgres=r/postgres",),
        bad="'=r/postgres'",
    ),
)
TIMES = (
    Case(
        name="date",
        type="date",
        values=("'2026-01-01'", "'infinity'"),
        subtle="'-infinity'",
        accepted=("2026-01-01", "infinity"),
        bad="'2020-01-01'",
        bounds=("2026-01-01", "infinity"),
    ),
    Case(
        name="date before Christ",
        type="date",
        values=("'0044-03-15 BC'",),
        subtle="'0044-03-15'",
        accepted=("0044-03-15 BC",),
        bad="'2020-01-01'",
        bounds=("4713-01-01 BC", "0001-01-01 BC"),
    ),
    Case(
        name="time",
        type="time",
        values=("'12:00'", "'24:00'"),
        subtle="'12:00:00.000001'",
        accepted=("12:00", "24:00"),
        bad="'01:00'",
        bounds=("12:00", "24:00"),
    ),
    Case(
        name="timetz",
        type="timetz",
        values=("'12:00+00'",),
        subtle="'14:00+02'",
        accepted=("12:00Z",),
        bad="'01:00+00'",
        bounds=("12:00Z", "13:00Z"),
    ),
    Case(
        name="timestamp",
        type="timestamp",
        values=("'2026-01-01 12:00'", "'-infinity'"),
        subtle="'2026-01-01 12:00:00.000001'",
        accepted=("2026-01-01T12:00", "-infinity"),
        bad="'2030-01-01'",
        bounds=("-infinity", "2026-01-01T12:00"),
    ),
    Case(
        name="timestamptz",
        type="timestamptz",
        values=("'2026-01-01 12:00+00'",),
        subtle="'2026-01-01 13:00+00'",
        accepted=("2026-01-01T13:00+01:00",),
        bad="'2030-01-01 00:00+00'",
        bounds=("2026-01-01", "2026-01-01T12:00Z"),
    ),
    Case(
        name="interval",
        type="interval",
        values=("'1 month'", "'1 day'"),
        subtle="'30 days'",
        accepted=("1 month", "24:00"),
        bad="'9 years'",
        bounds=("24:00", "1 month"),
    ),
)
SHAPES = (
    Case(
        name="point",
        type="point",
        values=("'(1,2)'",),
        subtle="'(1,2.0000000000000004)'",
        accepted=("(1,2)",),
        bad="'(9,9)'",
        bounds=("(0,0)", "(1,2)"),
        refusable=True,
    ),
    Case(name="point, the zero below", type="point", values=("'(0,2)'",), subtle="'(-0,2)'"),
    Case(name="line", type="line", values=("'{1,2,3}'",), subtle="'{1,2,4}'"),
    Case(name="lseg", type="lseg", values=("'[(0,0),(1,1)]'",), subtle="'[(1,1),(0,0)]'"),
    Case(name="box", type="box", values=("'(1,1),(0,0)'",), subtle="'(2,1),(1,0)'"),
    Case(name="path", type="path", values=("'((0,0),(1,1))'",), subtle="'[(0,0),(1,1)]'"),
    Case(
        name="polygon",
        type="polygon",
        values=("'((0,0),(1,1),(1,0))'",),
        subtle="'((1,1),(1,0),(0,0))'",
    ),
    Case(name="circle", type="circle", values=("'<(0,0),1>'",), subtle="'<(1,0),1>'"),
    Case(
        name="int4range",
        type="int4range",
        values=("'[1,3]'", "'empty'"),
        subtle="'[1,5)'",
        accepted=("[1,4)", "empty"),
        bad="'(,)'",
        bounds=("empty", "[1,4)"),
    ),
    Case(
        name="numrange",
        type="numrange",
        values=("'[1.0,2]'",),
        subtle="'[1.00,2]'",
        accepted=("[1,2]",),
        bad="'(,)'",
    ),
    Case(
        name="daterange",
        type="daterange",
        values=("'[2026-01-01,2026-01-02]'",),
        subtle="'[2026-01-01,infinity)'",
        accepted=("[2026-01-01,2026-01-03)",),
        bad="'(,)'",
    ),
    Case(
        name="tstzrange",
        type="tstzrange",
        values=("'[2026-01-01 00:00+00,)'",),
        subtle="'(2026-01-01 00:00+00,)'",
        accepted=("[2026-01-01 01:00+01,)",),
        bad="'(,)'",
    ),
    Case(
        name="a range of our own",
        type="types.floats",
        values=("'[0,1)'",),
        subtle="'[-0,1)'",
        accepted=("[0,1.0)",),
        bad="'(,)'",
        setup="create type types.floats as range (subtype = float8)",
    ),
    Case(
        name="int4multirange",
        type="int4multirange",
        values=("'{[1,3],[5,6]}'",),
        subtle="'{[1,3]}'",
        accepted=("{[1,4),[5,7)}",),
        bad="'{}'",
    ),
    Case(
        name="nummultirange",
        type="nummultirange",
        values=("'{[1.0,2]}'",),
        subtle="'{[1.00,2]}'",
        accepted=("{[1,2]}",),
        bad="'{}'",
    ),
    Case(name="int2vector", type="int2vector", values=("'1 2'",), subtle="'1 3'"),
    Case(
        name="oidvector",
        type="oidvector",
        values=("'1 2'",),
        subtle="'1 3'",
        accepted=("1 2",),
        bad="'9'",
    ),
    Case(name="pg_snapshot", type="pg_snapshot", values=("'10:20:10,14'",), subtle="'10:20:10'"),
)
ARRAYS = (
    Case(
        name="int4[]",
        type="int4[]",
        values=("'{1,2}'", "'{}'"),
        subtle="'{2,1}'",
        accepted=("{1, 2}", "{}"),
        bad="'{9}'",
        bounds=("{}", "{1,2}"),
    ),
    Case(
        name="int4[] of another lower bound",
        type="int4[]",
        values=("'{1,2}'",),
        subtle="'[0:1]={1,2}'",
    ),
    Case(
        name="int4[] of two dimensions",
        type="int4[]",
        values=("'{{1,2},{3,4}}'",),
        subtle="'{1,2,3,4}'",
    ),
    Case(
        name="int4[] of other sides",
        type="int4[]",
        values=("'{{1,2,3},{4,5,6}}'",),
        subtle="'{{1,2},{3,4},{5,6}}'",
    ),
    Case(name="int4[] with NULL", type="int4[]", values=("'{1,NULL}'",), subtle="'{1}'"),
    Case(
        name="uuid[]",
        type="uuid[]",
        values=("'{aaaaaaaa-0000-0000-0000-000000000001}'",),
        subtle="'[5:5]={aaaaaaaa-0000-0000-0000-000000000001}'",
    ),
    Case(
        name="timestamptz[]",
        type="timestamptz[]",
        values=("'{2026-01-01 00:00+00}'",),
        subtle="'{{2026-01-01 00:00+00}}'",
    ),
    Case(
        name="bytea[]",
        type="bytea[]",
        values=("array['\\x01'::bytea]",),
        subtle="array[array['\\x01'::bytea]]",
    ),
    Case(name="bool[]", type="bool[]", values=("'{t,f}'",), subtle="'[2:3]={t,f}'"),
    Case(
        name="text[]",
        type="text[]",
        values=("'{a,NULL}'",),
        subtle="'{a,\"NULL\"}'",
        accepted=("{a,NULL}",),
        bad="'{z}'",
    ),
    Case(
        name="text[] of another lower bound",
        type="text[]",
        values=("'{a,b}'",),
        subtle="'[0:1]={a,b}'",
    ),
    Case(name="varchar[]", type="varchar(5)[]", values=("'{a}'",), subtle="'{{a}}'"),
    Case(
        name="numeric[]",
        type="numeric[]",
        values=("'{1.0}'",),
        subtle="'{1.00}'",
        accepted=("{1}",),
        bad="'{9}'",
    ),
    Case(name="float8[]", type="float8[]", values=("'{0}'",), subtle="'{-0}'"),
    Case(
        name="jsonb[]",
        type="jsonb[]",
        values=("array['1.0'::jsonb]",),
        subtle="array['1.00'::jsonb]",
    ),
    Case(
        name="json[]",
        type="json[]",
        values=("array['{\"a\":1}'::json]",),
        subtle="array['{\"a\": 1}'::json]",
    ),
    Case(name="inet[]", type="inet[]", values=("'{10.0.0.1}'",), subtle="'{10.0.0.1/31}'"),
    Case(
        name="domain[]",
        type="types.small[]",
        values=("'{1,2}'",),
        subtle="'[0:1]={1,2}'",
        setup="create domain types.small as int4 check (value < 100)",
    ),
    Case(
        name="domain over int4[]",
        type="types.pair",
        values=("'{1,2}'",),
        subtle="'[0:1]={1,2}'",
        setup="create domain types.pair as int4[] check (cardinality(value) = 2)",
    ),
    Case(
        name="domain over a domain over int4[]",
        type="types.twice",
        values=("'{1,2}'",),
        subtle="'{{1},{2}}'",
        setup="create domain types.once as int4[]; create domain types.twice as types.once",
    ),
    Case(
        name="composite[]",
        type="types.item[]",
        values=("array[row(1, 1.0)::types.item]",),
        subtle="array[row(1, 1.00)::types.item]",
        setup="create type types.item as (a int, b numeric)",
    ),
    Case(
        name="enum[]",
        type="types.mood[]",
        values=("'{ok}'",),
        subtle="'[0:0]={ok}'",
        setup="create type types.mood as enum ('ok', 'sad')",
    ),
)
OWN = (
    Case(
        name="enum",
        type="types.state",
        values=("'open'", "'done'"),
        subtle="'done'",
        accepted=("open", "done"),
        bad="'lost'",
        bounds=("open", "done"),
        setup="create type types.state as enum ('open', 'done', 'lost')",
    ),
    Case(
        name="enum, a value that it does not have",
        type="types.level",
        values=("'low'",),
        subtle="'high'",
        accepted=("low", "no such level"),
        bad="'high'",
        setup="create type types.level as enum ('low', 'high')",
        answers={"accepted_values": (PASSED + UNKNOWN, PASSED + UNKNOWN, ANY, FAILED + UNKNOWN)},
    ),
    Case(
        name="enum, in another order of its labels than of letters",
        type="types.size",
        values=("'small'", "'large'"),
        subtle="'large'",
        accepted=("small", "large"),
        bad="'huge'",
        bounds=("small", "large"),
        setup="create type types.size as enum ('small', 'large', 'huge')",
    ),
    Case(
        name="domain over numeric",
        type="types.price",
        values=("1.0", "2"),
        subtle="1.00",
        accepted=(1, 2),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
        setup="create domain types.price as numeric check (value >= 0)",
    ),
    Case(
        name="domain over a domain over text",
        type="types.inner_code",
        values=("'a'",),
        subtle="'A'",
        accepted=("a",),
        bad="'zz'",
        setup="create domain types.outer_code as text; create domain types.inner_code as types.outer_code check (value <> '')",
    ),
    Case(
        name="domain over a domain over float8",
        type="types.rate",
        values=("0.5", "1"),
        subtle="0.5000000000000001",
        accepted=(0.5, 1.0),
        bad="1e9",
        bounds=(0.5, 1),
        numbers=True,
        setup="create domain types.rates as float8; create domain types.rate as types.rates",
    ),
    Case(
        name="domain over enum",
        type="types.flag",
        values=("'on'",),
        subtle="'off'",
        accepted=("on",),
        bad="'off'",
        setup="create type types.switch as enum ('on', 'off'); create domain types.flag as types.switch",
    ),
    Case(
        name="domain over a composite",
        type="types.spot",
        values=("row(1, 1.0)",),
        subtle="row(1, 1.00)",
        setup="create type types.place as (a int, b numeric); create domain types.spot as types.place",
    ),
    Case(
        name="composite",
        type="types.thing",
        values=("row(1, 1.0)",),
        subtle="row(1, 1.00)",
        accepted=("(1,1)",),
        bad="row(9, 9)",
        setup="create type types.thing as (a int, b numeric)",
    ),
    Case(
        name="composite of NULLs",
        type="types.hollow",
        values=("row(null, null)",),
        subtle="row(null, 1)",
        accepted=("(,)",),
        bad="row(9, 9)",
        setup="create type types.hollow as (a int, b numeric)",
    ),
    Case(
        name="composite with one NULL",
        type="types.half",
        values=("row(1, null)",),
        subtle="row(null, 1)",
        accepted=("(1,)",),
        bad="row(9, 9)",
        setup="create type types.half as (a int, b int)",
    ),
    Case(
        name="composite within a composite, with json",
        type="types.nested",
        values=("row(row('{\"a\":1}'))",),
        subtle="row(row('{\"a\": 1}'))",
        setup="create type types.nest as (j json); create type types.nested as (n types.nest)",
    ),
    Case(
        name="a table's row",
        type="types.rows",
        values=("row(1, 'a')",),
        subtle="row(1, 'A')",
        setup="create table types.rows (a int, b text)",
    ),
)
OBJECTS = (
    Case(
        name="regclass, made anew",
        type="regclass",
        values=("'types.renewed'::regclass",),
        subtle="'types.other'::regclass",
        accepted=("types.renewed",),
        bad="'pg_class'",
        setup="create table types.renewed (); create table types.other ()",
        again="alter table types.renewed rename to was; create table types.renewed (); update {table} set v = 'types.renewed'::regclass; drop table types.was",
    ),
    Case(
        name="regtype",
        type="regtype",
        values=("'int4'",),
        subtle="'int8'",
        accepted=("integer",),
        bad="'text'",
    ),
    Case(
        name="regproc",
        type="regproc",
        values=("'pg_catalog.now'",),
        subtle="'pg_catalog.pi'",
        accepted=("now",),
        bad="'pg_catalog.version'",
    ),
    Case(
        name="regprocedure",
        type="regprocedure",
        values=("'abs(int4)'",),
        subtle="'abs(int8)'",
        accepted=("abs(integer)",),
        bad="'abs(numeric)'",
    ),
    Case(
        name="regoperator", type="regoperator", values=("'+(int4,int4)'",), subtle="'-(int4,int4)'"
    ),
    Case(
        name="regrole",
        type="regrole",
        values=("'postgres'",),
        subtle="'pg_monitor'",
        accepted=("postgres",),
        bad="'pg_read_all_data'",
    ),
    Case(
        name="regnamespace",
        type="regnamespace",
        values=("'types'",),
        subtle="'public'",
        accepted=("types",),
        bad="'pg_catalog'",
    ),
    Case(
        name="regconfig",
        type="regconfig",
        values=("'english'",),
        subtle="'german'",
        accepted=("english",),
        bad="'simple'",
    ),
    Case(
        name="regdictionary",
        type="regdictionary",
        values=("'english_stem'",),
        subtle="'german_stem'",
    ),
    Case(name="regcollation", type="regcollation", values=("'\"C\"'",), subtle="'\"POSIX\"'"),
)
EXTENSIONS = (
    Case(
        name="hstore",
        type="ext.hstore",
        values=("'a=>1, b=>NULL'",),
        subtle="'a=>1, b=>\"NULL\"'",
        accepted=("b=>NULL,a=>1",),
        bad="'z=>1'",
    ),
    Case(
        name="ltree",
        type="ext.ltree",
        values=("'a.b'", "''"),
        subtle="'a.B'",
        accepted=("a.b", ""),
        bad="'z'",
        bounds=("", "a.b"),
    ),
    Case(
        name="lquery",
        type="ext.lquery",
        values=("'a.*'",),
        subtle="'a.*{1}'",
        accepted=("a.*",),
        bad="'z'",
        refusable=True,
    ),
    Case(
        name="cube",
        type="ext.cube",
        values=("'(1),(2)'",),
        subtle="'(2),(1)'",
        accepted=("(1.0),(2)",),
        bad="'(9)'",
        bounds=("(0)", "(1),(2)"),
    ),
    Case(
        name="seg",
        type="ext.seg",
        values=("'1.0'",),
        subtle="'1.00'",
        accepted=("1.0",),
        bad="'9'",
        bounds=("0", "1.0"),
    ),
    Case(
        name="ean13",
        type="ext.ean13",
        values=("'9780393040029'",),
        subtle="'9780393040036'::ext.ean13",
        accepted=("978-0393040029",),
        bad="'9780306406157'",
    ),
    Case(
        name="isbn",
        type="ext.isbn",
        values=("'0-393-04002-X'",),
        subtle="'0-306-40615-2'",
        accepted=("9780393040029",),
        bad="'0-306-40615-2'",
    ),
    Case(
        name="query_int",
        type="ext.query_int",
        values=("'1&2'",),
        subtle="'1|2'",
        accepted=("1&2",),
        bad="'9'",
        refusable=True,
    ),
)
LYING = "create function types.{0}_text(types.{0}) returns text language sql immutable as $$ select 'same' $$; create cast (types.{0} as text) with function types.{0}_text(types.{0})"
RAISING = (
    "create function types.{0}_text(types.{0}) returns text language plpgsql immutable as"
    " $$ begin raise exception 'no text'; end $$; create cast (types.{0} as text) with function types.{0}_text(types.{0})"
)
CASTS = (
    Case(
        name="enum whose cast to text lies",
        type="types.liar",
        values=("'a'", "'b'"),
        subtle="'b'",
        accepted=("a", "b"),
        bad="'z'",
        bounds=("a", "b"),
        setup="create type types.liar as enum ('a', 'b', 'z'); " + LYING.format("liar"),
    ),
    Case(
        name="composite whose cast to text lies",
        type="types.masked",
        values=("row(1, 'a')",),
        subtle="row(2, 'a')",
        accepted=("(1,a)",),
        bad="row(9, 'z')",
        setup="create type types.masked as (a int, b text); " + LYING.format("masked"),
    ),
    Case(
        name="range whose cast to text lies",
        type="types.veil",
        values=("'[1,2]'",),
        subtle="'[1,3]'",
        accepted=("[1,2]",),
        bad="'(,)'",
        setup="create type types.veil as range (subtype = float4); " + LYING.format("veil"),
    ),
    Case(
        name="enum whose cast to text raises",
        type="types.mute",
        values=("'a'", "'b'"),
        subtle="'b'",
        accepted=("a", "b"),
        bad="'z'",
        setup="create type types.mute as enum ('a', 'b', 'z'); " + RAISING.format("mute"),
    ),
    Case(
        name="the same beside a column called like the alias",
        type="types.quiet",
        values=("'a'", "'b'"),
        subtle="'b'",
        accepted=("a", "b"),
        bad="'z'",
        more=", t int",
        setup="create type types.quiet as enum ('a', 'b', 'z'); " + RAISING.format("quiet"),
    ),
    Case(
        name="array of an enum whose cast to text lies",
        type="types.fibs[]",
        values=("'{a}'",),
        subtle="'{b}'",
        setup="create type types.fibs as enum ('a', 'b'); " + LYING.format("fibs"),
    ),
    Case(
        name="a column called like the alias",
        type="numeric",
        values=("1.0", "2"),
        subtle="1.00",
        accepted=(1, 2),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
        more=", t int",
    ),
)
MANY = (*NUMBERS, *TEXTS, *TIMES, *SHAPES, *ARRAYS, *OWN, *OBJECTS, *EXTENSIONS, *CASTS)
PREPARED = """
create schema types; create schema ext;
create extension citext with schema ext; create extension hstore with schema ext;
create extension ltree with schema ext; create extension cube with schema ext; create extension seg with schema ext;
create extension isn with schema ext; create extension intarray with schema ext;
"""
FALSE_CASTS = """
create schema types; create schema ext;
create function public.lie(float8) returns text language sql immutable as $$ select 'same' $$;
create function public.lie(interval) returns text language sql immutable as $$ select 'same' $$;
create function public.fail(jsonb) returns text language plpgsql immutable as $$ begin raise exception 'no text'; end $$;
create cast (float8 as text) with function public.lie(float8);
create cast (interval as text) with function public.lie(interval);
create cast (jsonb as text) with function public.fail(jsonb);
"""
FALSE_NUMERIC = """
create schema types; create schema ext;
create function public.lie(numeric) returns text language sql immutable as $$ select 'same' $$;
create cast (numeric as text) with function public.lie(numeric);
"""
FALSE_BIGINT = """
create schema types; create schema ext;
create function public.lie(int8) returns text language sql immutable as $$ select 'many' $$;
create cast (int8 as text) with function public.lie(int8);
"""
UNDER_CASTS = (
    Case(
        name="float8 under a lying cast",
        type="float8",
        values=("0.1", "1"),
        subtle="0.2",
        accepted=(0.1, 1.0),
        bad="1e300",
        bounds=(0.1, 1),
        numbers=True,
    ),
    Case(
        name="interval under a lying cast",
        type="interval",
        values=("'1 month'",),
        subtle="'30 days'",
        accepted=("1 month",),
        bad="'9 years'",
        bounds=("1 month", "1 month"),
    ),
    Case(
        name="jsonb under a raising cast",
        type="jsonb",
        values=("'{\"a\": 1.0}'",),
        subtle="'{\"a\": 1.00}'",
        accepted=('{"a":1}',),
        bad="'{\"b\": 1}'",
    ),
    Case(
        name="jsonb under a raising cast, beside a column called like the alias",
        type="jsonb",
        values=("'1.0'",),
        subtle="'1.00'",
        more=", t int",
    ),
    Case(
        name="int4 in their midst",
        type="int4",
        values=("1", "2"),
        subtle="3",
        accepted=(1, 2),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
    ),
)
UNDER_NUMERIC = (
    Case(
        name="numeric under a lying cast",
        type="numeric",
        values=("1.0", "2.50"),
        subtle="1.00",
        accepted=(1, 2.5),
        bad="1000",
        bounds=(1, 2.5),
        numbers=True,
    ),
    Case(name="numeric[] under a lying cast", type="numeric[]", values=("'{1}'",), subtle="'{2}'"),
    Case(
        name="int4 beside a lying cast of numeric",
        type="int4",
        values=("1", "2"),
        subtle="3",
        accepted=(1, 2),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
    ),
)
UNDER_BIGINT = (
    Case(
        name="int4 beside a lying cast of int8",
        type="int4",
        values=("1", "2"),
        subtle="3",
        accepted=(1, 2),
        bad="1000",
        bounds=(1, 2),
        numbers=True,
    ),
)
WORLDS = {
    "types": (PREPARED, MANY),
    "casts": (FALSE_CASTS, UNDER_CASTS),
    "a cast of numeric": (FALSE_NUMERIC, UNDER_NUMERIC),
    "a cast of int8": (FALSE_BIGINT, UNDER_BIGINT),
}


def night(name: str, table: str, case: Case) -> str:
    """What happens before it."""
    match name:
        case "first":
            values = ", ".join(
                f"({i}, {case.values[(i - 1) % len(case.values)]})" for i in range(1, ROWS + 1)
            )
            text = f"insert into {table} (id, v) values {values}"
        case "same":
            text = f"update {table} set id = id where id % 3 = 1; " + case.again.replace(
                "{table}", table
            )
        case "subtle":
            text = f"update {table} set v = {case.subtle} where id = 1"
        case "broken":
            bad = (
                f"; insert into {table} (id, v) values ({ROWS + 2}, {case.bad})" if case.bad else ""
            )
            text = f"insert into {table} (id, v) values ({ROWS + 1}, null){bad}"
        case _:
            raise AssertionError(name)
    return text


NIGHTS = ("first", "same", "subtle", "broken")
