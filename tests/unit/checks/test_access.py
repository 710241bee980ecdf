"""What a role may not read, in words, and the statements that let it: by what is missing and by the version."""

import pytest

from restorecheck.checks.access import Denied, Lack, how_to_grant, named, statements
from restorecheck.checks.scan_result import TableReading
from restorecheck.checks.scan_statements import ROWS
from restorecheck.model import CheckOutcome
from tests.scans import own, reading, table

ALL_OF_14 = 'GRANT pg_read_all_data TO "dbadmin";'


def denied(*lacks, schema="course", name="answers", owner="app", **more):
    return Denied(schema=schema, name=name, owner=owner, lacks=lacks, **more)


@pytest.mark.parametrize("major", [14, 15, 18])
@pytest.mark.parametrize("lacks", [[Lack.TABLE], [Lack.COLUMNS], [Lack.SCHEMA, Lack.TABLE]])
def test_one_grant_lets_a_role_read_everything_since_postgresql_14(major, lacks):
    assert statements("dbadmin", [denied(*lacks), denied(*lacks, name="b")], major) == (ALL_OF_14,)


def test_before_it_each_schema_is_granted_with_what_its_owners_will_make():
    every = [
        denied(Lack.TABLE),
        denied(Lack.TABLE, name="grades", owner="importer"),
        denied(Lack.SCHEMA, schema='odd "one"'),
    ]

    assert statements("dbadmin", every, 13) == (
        'GRANT USAGE ON SCHEMA "course" TO "dbadmin";',
        'GRANT SELECT ON ALL TABLES IN SCHEMA "course" TO "dbadmin";',
        'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "course" TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "course" GRANT SELECT ON TABLES TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "course" GRANT SELECT ON SEQUENCES TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "importer" IN SCHEMA "course" GRANT SELECT ON TABLES TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "importer" IN SCHEMA "course" GRANT SELECT ON SEQUENCES TO "dbadmin";',
        'GRANT USAGE ON SCHEMA "odd ""one""" TO "dbadmin";',
        'GRANT SELECT ON ALL TABLES IN SCHEMA "odd ""one""" TO "dbadmin";',
        'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "odd ""one""" TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "odd ""one""" GRANT SELECT ON TABLES TO "dbadmin";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "odd ""one""" GRANT SELECT ON SEQUENCES TO "dbadmin";',
    )


@pytest.mark.parametrize("major", [13, 17])
def test_no_grant_passes_row_security_and_a_policy_for_the_role_alone_does(major):
    hidden = [denied(Lack.ROWS), denied(Lack.ROWS, name="notes")]

    assert statements("dbadmin", hidden, major) == (
        'CREATE POLICY restorecheck ON "course"."answers" FOR SELECT TO "dbadmin" USING (true);',
        'CREATE POLICY restorecheck ON "course"."notes" FOR SELECT TO "dbadmin" USING (true);',
    )


def test_what_a_restrictive_policy_hides_no_further_policy_shows():
    hidden = [denied(Lack.ROWS), denied(Lack.ROWS, restricted=True)]

    assert statements("dbadmin", hidden, 17) == ('ALTER ROLE "dbadmin" BYPASSRLS;',)


def test_what_lacks_both_is_told_both():
    both = statements("dbadmin", [denied(Lack.TABLE, Lack.ROWS)], 16)

    assert both[0] == ALL_OF_14
    assert both[1].startswith("CREATE POLICY")


def test_of_many_names_the_first_are_said_and_the_others_counted():
    assert named(["a", "b"]) == "a, b"
    assert named([f"t{n}" for n in range(2_000)]).endswith("t19 and 1,980 more")


def test_the_first_question_names_tables_reasons_and_the_statement():
    unread = {"course.answers": TableReading(doubts={ROWS: "not read"}), "course.t": table()}
    found = own(
        "tables_readable",
        reading(
            unread,
            role="dbadmin",
            denied={"course.answers": denied(Lack.SCHEMA, Lack.TABLE).why},
            grants=[ALL_OF_14],
            installed=["cron.job"],
        ),
    )

    assert found.outcome is CheckOutcome.ERROR
    assert found.found == "1 of 2 tables; not read (tables of extensions): cron.job"
    assert found.detail == (
        "the role dbadmin may not read 1 of 2 tables in full"
        " (no USAGE on the schema and no SELECT: course.answers)."
        f" To fix this, run in production: {ALL_OF_14}"
    )


def test_a_role_that_may_read_everything_passes():
    assert own("tables_readable", reading(role="dbadmin")).outcome is CheckOutcome.PASSED


@pytest.mark.parametrize(
    ("major", "advice"), [(13, "SELECT on it"), (14, "pg_read_all_data"), (0, "pg_read_all_data")]
)
def test_large_objects_are_granted_by_the_version(major, advice):
    denied_objects = {"contents of large objects": "permission denied (SQLSTATE 42501)"}
    found = own("rows_readable", reading(doubts=denied_objects, major=major))

    assert found.detail.endswith(f"grant the checker's role {advice}")


@pytest.mark.parametrize("major", [0, 13, 14])
def test_what_row_security_hides_no_grant_shows(major):
    """`pg_read_all_data` is told in no version: it passes no row security."""
    advice = how_to_grant("query would be affected by row-level security policy", major)

    assert "BYPASSRLS" in advice
    assert "owner" in advice
    assert "pg_read_all_data" not in advice
    assert "SELECT" not in advice
