"""Names as people write them in a configuration, and what of a database they mean."""

import pytest

from restorecheck.checks.names import Part, TableName, find_column, parse_table_name
from restorecheck.checks.tables import quoted


@pytest.mark.parametrize(
    ("text", "schema", "table"),
    [
        ("answers", None, Part("answers")),
        ("public.answers", Part("public"), Part("answers")),
        (
            '"Weird.Schema"."T ""x"""',
            Part("Weird.Schema", exact=True),
            Part('T "x"', exact=True),
        ),
        ('public."Album"', Part("public"), Part("Album", exact=True)),
        (" public.answers ", Part("public"), Part("answers")),
    ],
)
def test_table_names_are_read_as_sql_quotes_them(text, schema, table):
    assert parse_table_name(text) == TableName(schema, table)


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".b", "a.b.c", '"open', '"a"b', '""', '"a"."b"."c"']
)
def test_what_is_no_table_name_is_refused(text):
    with pytest.raises(ValueError, match=r"table|quote"):
        parse_table_name(text)


@pytest.mark.parametrize(
    ("text", "regclasses"),
    [
        ("album", ['"album"']),
        ("Album", ['"album"', '"Album"']),
        ('"Album"', ['"Album"']),
        ("public.Album", ['"public"."album"', '"public"."Album"']),
        (
            "Sales.Album",
            ['"sales"."album"', '"sales"."Album"', '"Sales"."album"', '"Sales"."Album"'],
        ),
        ("ÄRGER", ['"Ärger"', '"ÄRGER"']),
        ('"my.schema".t', ['"my.schema"."t"']),
    ],
)
def test_a_name_is_read_as_sql_reads_it_and_then_as_it_is_written(text, regclasses):
    """Without a schema the search path decides, and PostgreSQL folds ASCII letters alone."""
    readings = parse_table_name(text).readings

    assert [".".join(map(quoted, filter(None, pair))) for pair in readings] == regclasses


@pytest.mark.parametrize(
    ("text", "there", "meant"),
    [
        ("id", ["id"], "id"),
        ("Id", ["id", "Id"], "id"),
        ("Id", ["Id"], "Id"),
        ('"Id"', ["id", "Id"], "Id"),
        ('"Id"', ["id"], None),
        ("a.b", ["a.b"], "a.b"),
        ("a.b", ["a", "b"], None),
        ("id", ["Id", "ID"], None),
        ('x"y', ['x"y'], 'x"y'),
        ("", [""], ""),
    ],
)
def test_a_column_is_the_one_that_the_table_has(text, there, meant):
    assert find_column(text, there) == meant
