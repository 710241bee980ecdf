"""Whom PostgreSQL's programs run as: never somebody who owns something."""

import os
import pwd

import pytest

from restorecheck.errors import AccessDeniedError, CapacityError
from restorecheck.postgres.server.account import FIRST, LAST, Lodging, OsUser, choose_account


@pytest.mark.parametrize("name", ["postgres", "root"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_nobody_runs_a_dump_s_code_as_who_owns_databases(name, uid, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    with pytest.raises(AccessDeniedError, match=f"must not be {name}"):
        choose_account(name)


def test_root_becomes_somebody_else(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    chosen = choose_account(None)

    assert chosen is not None
    assert chosen.uid != 0
    assert chosen.name in {"restorecheck", "nobody"}


def test_who_is_not_root_is_who_they_are(monkeypatch):
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "geteuid", lambda: nobody.pw_uid)

    assert choose_account(None) is None
    assert choose_account("nobody") is None
    with pytest.raises(AccessDeniedError, match="only root can"):
        choose_account("daemon")
    with pytest.raises(AccessDeniedError, match="has no user"):
        choose_account("no-such-user")


def account_of(lodging: Lodging) -> OsUser:
    assert lodging.account is not None
    return lodging.account


@pytest.fixture
def root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_each_drill_of_root_s_has_a_user_of_its_own(root):
    first = Lodging.choose(None, "20260101-000000-abcdef", ())
    second = Lodging.choose(None, "20260101-000000-abcdef", ())
    try:
        assert FIRST <= account_of(first).uid <= LAST
        assert account_of(first).uid != account_of(second).uid, "the first one holds it"
        assert account_of(first).alone
    finally:
        first.close()
        second.close()

    again = Lodging.choose(None, "20260101-000000-abcdef", ())
    again.close()
    assert again.account == first.account


def test_what_a_drill_has_left_is_in_no_reach_of_another_one(root):
    first = Lodging.choose(None, "20260101-000000-abcdef", ())
    first.close()

    second = Lodging.choose(None, "20260101-000000-abcdef", {account_of(first).uid})
    second.close()

    assert account_of(second).uid != account_of(first).uid


def test_a_user_that_the_configuration_names_is_obeyed(root):
    lodging = Lodging.choose("nobody", "20260101-000000-abcdef", ())

    assert lodging.account == choose_account("nobody")
    assert not account_of(lodging).alone


def test_another_process_finds_the_user_of_a_drill_again():
    account = OsUser("60706", 60706, 60706, alone=True)

    lodging = Lodging.again(account)
    lodging.close()

    assert lodging.account == account


def test_there_are_not_more_users_than_the_range_has(root):
    with pytest.raises(CapacityError, match="are in use"):
        Lodging.choose(None, "20260101-000000-abcdef", range(FIRST, LAST + 1))
