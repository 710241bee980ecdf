"""Rights that are wider than they were: which changes are, and which are none."""

import pytest

from restorecheck.checks.rights import rights_of, widened
from restorecheck.checks.structure import in_form

TABLE = "rights table public.orders"
BASE = {
    "schema public": "there",
    TABLE: "owner app; reader: SELECT",
    "column public.orders.name": "text",
    "rights schema public": "as initdb makes it",
    "rights schema sales": "owner app",
    "rights function public.f(a integer)": "owner app; PUBLIC: EXECUTE",
    "rights table public.titles": "owner app",
    "view security public.titles": "security_barrier security_invoker",
    "row security public.orders": "on forced",
    "policy public.orders.own": "permissive for SELECT to reader using #0123456789ab",
    "policy public.orders.fence": "restrictive for ALL to PUBLIC #0123456789ab",
    "role app": "login",
    "role reader": "login in readers",
    "role boss": "superuser login",
    "role admins": "in boss",
    "role staff": "in app",
}

WIDER: dict[str, dict[str, str | None]] = {
    "everybody": {TABLE: "owner app; PUBLIC: SELECT; reader: SELECT"},
    "another grantee": {TABLE: "owner app; other: SELECT; reader: SELECT"},
    "one more privilege": {TABLE: "owner app; reader: DELETE, SELECT"},
    "all privileges": {TABLE: "owner app; reader: ALL"},
    "a grant option": {TABLE: "owner app; reader: SELECT*"},
    "a strange role": {TABLE: 'owner app; "a; b: c": SELECT; reader: SELECT'},
    "the owner": {TABLE: "owner boss; reader: SELECT"},
    "CREATE on schema public": {
        "rights schema public": "owner pg_database_owner; PUBLIC: CREATE, USAGE"
    },
    "everybody on a schema": {"rights schema sales": "owner app; PUBLIC: USAGE"},
    "a column": {"rights column public.orders.name": "other: SELECT"},
    "default privileges": {"rights new tables of app": "PUBLIC: SELECT"},
    "default privileges of a schema": {"rights new functions of app in public": "PUBLIC: EXECUTE"},
    "the system": {
        "rights function pg_catalog.pg_ls_dir(text)": "owner postgres; reader: EXECUTE",
        "rights installed function pg_catalog.pg_ls_dir(text)": "owner postgres",
    },
    "row security off": {"row security public.orders": None},
    "row security not forced": {"row security public.orders": "on"},
    "a policy for every row": {
        "policy public.orders.own": "permissive for SELECT to reader using (true)"
    },
    "a policy for everybody": {
        "policy public.orders.own": "permissive for SELECT to PUBLIC using #0123456789ab"
    },
    "a policy for all commands": {
        "policy public.orders.own": "permissive for ALL to reader using #0123456789ab"
    },
    "one more policy": {
        "policy public.orders.more": "permissive for SELECT to reader #1123456789ab"
    },
    "a restrictive policy dropped": {"policy public.orders.fence": None},
    "a restrictive policy made permissive": {
        "policy public.orders.fence": "permissive for ALL to PUBLIC #0123456789ab"
    },
    "a restrictive policy for fewer": {
        "policy public.orders.fence": "restrictive for ALL to reader #0123456789ab"
    },
    "a restrictive policy for one command": {
        "policy public.orders.fence": "restrictive for INSERT to PUBLIC #0123456789ab"
    },
    "a function with its owner's rights": {"security definer public.f(a integer)": "yes"},
    "a view with its owner's rights": {"view security public.titles": "security_barrier"},
    "a view without a barrier": {"view security public.titles": "security_invoker"},
    "neither": {"view security public.titles": None},
    "a superuser": {"role app": "superuser login"},
    "bypassrls": {"role app": "login bypassrls"},
    "a new superuser": {"role new": "superuser"},
    "a member of a superuser": {"role reader": "login in boss, readers"},
    "a member of a member of a superuser": {"role reader": "login in admins, readers"},
    "a member of a member of an owner": {"role reader": "login in readers, staff"},
    "a member of a predefined role": {"role app": "login in pg_read_all_data"},
    "a member of an owner": {"role reader": "login in app, readers"},
    "an admin of a predefined role": {"role app": "login in pg_monitor with admin"},
    "a parameter": {"rights on parameter work_mem": "reader: ALTER SYSTEM"},
}

NO_WIDER: dict[str, dict[str, str | None]] = {
    "nothing": {},
    "less": {TABLE: "owner app"},
    "nothing for the owner": {TABLE: "owner app; app: NOTHING; reader: SELECT"},
    "a new table": {"rights table public.new": "owner app"},
    "a new table that its readers read": {"rights table public.new": "owner app; reader: SELECT"},
    "a new function": {"rights function public.g()": "owner app; PUBLIC: EXECUTE"},
    "a new function with its owner's rights": {
        "rights function public.g()": "owner app; PUBLIC: EXECUTE",
        "security definer public.g()": "yes",
    },
    "a new type": {"rights type public.mood": "owner app; PUBLIC: USAGE"},
    "a column that could be read before": {"rights column public.orders.name": "reader: SELECT"},
    "a new column that may be read": {
        "column public.orders.more": "text",
        "rights column public.orders.more": "other: SELECT",
    },
    "defaults taken away": {"rights new functions of app": "there"},
    "a table dropped": {
        TABLE: None,
        "row security public.orders": None,
        "policy public.orders.own": None,
        "policy public.orders.fence": None,
    },
    "a permissive policy dropped": {"policy public.orders.own": None},
    "one more restrictive policy": {
        "policy public.orders.more": "restrictive for ALL to PUBLIC #1123456789ab"
    },
    "another condition": {
        "policy public.orders.own": "permissive for SELECT to reader using #9923456789ab"
    },
    "policies of a table without row security": {
        "policy public.titles.p": "permissive for ALL to PUBLIC using (true)"
    },
    "a new role": {"role new": "login"},
    "a member of a plain group": {"role app": "login in readers"},
    "a role that may not log in any more": {"role app": "there"},
    "the system taken away": {
        "rights function pg_catalog.pg_sleep(double precision)": "owner postgres; reader: EXECUTE",
        "rights installed function pg_catalog.pg_sleep(double precision)": "owner postgres; PUBLIC: EXECUTE",
    },
}


def changed(changes):
    both = BASE | changes
    return {key: value for key, value in both.items() if value is not None}


@pytest.mark.parametrize("name", WIDER)
def test_rights_that_are_wider_are_said(name):
    found = widened(BASE, changed(WIDER[name]))

    assert [d.what for d in found] == [k for k in sorted(WIDER[name]) if "installed" not in k]


@pytest.mark.parametrize("name", NO_WIDER)
def test_rights_that_are_only_others_are_not(name):
    assert widened(BASE, changed(NO_WIDER[name])) == ()


def test_default_privileges_that_were_there_explain_what_a_new_table_has():
    before = BASE | {"rights new tables of app in public": "PUBLIC: SELECT"}
    table = {"rights table public.new": "owner app; PUBLIC: SELECT"}

    assert widened(before, before | table) == ()
    assert [d.what for d in widened(BASE, BASE | table)] == ["rights table public.new"]


def test_a_policy_for_everybody_is_no_wider_for_some():
    key = "policy public.orders.own"
    before = BASE | {key: "permissive for SELECT to PUBLIC using #0123456789ab"}

    assert widened(before, BASE) == ()


def test_what_another_version_has_read_is_no_baseline():
    assert widened(BASE, BASE | {"format": "2", "rights new tables of app": "PUBLIC: SELECT"}) == ()


def test_of_a_very_large_schema_rights_are_compared_by_schema():
    more = changed({TABLE: "owner app; PUBLIC: SELECT; reader: SELECT"})

    (found,) = widened(in_form(BASE, 4), more)

    assert str(found) == (
        "rights on every table of public: owner app; reader: SELECT"
        " → PUBLIC: SELECT; owner app; reader: SELECT"
    )
    assert widened(in_form(BASE, 4), changed({"rights table public.new": "owner app"})) == ()


def test_names_of_roles_are_read_as_they_are_written():
    found = rights_of(
        'owner "a;b"; "PUBLIC": SELECT; "x ""y"" by z" by boss: INSERT*, SELECT; c: NOTHING'
    )

    assert found.owners == {'"a;b"'}
    assert found.granted == {
        '"PUBLIC"': {"SELECT"},
        '"x ""y"" by z"': {"INSERT*", "SELECT"},
        "c": set(),
    }


def test_a_policy_under_another_name_or_for_fewer_commands_is_not_wider():
    own = "permissive for ALL to reader using #0123456789ab"
    before = changed({"policy public.orders.own": own})
    renamed = changed({"policy public.orders.own": None, "policy public.orders.mine": own})
    narrower = changed(
        {
            "policy public.orders.own": None,
            "policy public.orders.see": own.replace("ALL", "SELECT"),
        }
    )
    other = changed(
        {
            "policy public.orders.own": None,
            "policy public.orders.see": own.replace("reader", "writer"),
        }
    )

    assert widened(before, renamed) == ()
    assert widened(before, narrower) == ()
    assert [d.what for d in widened(before, other)] == ["policy public.orders.see"]


def test_groups_that_are_in_each_other_are_looked_through_once():
    """PostgreSQL refuses such a circle; a structure is a text from a backup."""
    circle = {"role one": "in two", "role two": "in one"}
    before = BASE | circle

    assert not list(widened(before, before | {"role reader": "login in readers, one"}))
    powerful = circle | {"role two": "in boss, one"}
    assert list(
        widened(BASE | powerful, BASE | powerful | {"role reader": "login in readers, one"})
    )
