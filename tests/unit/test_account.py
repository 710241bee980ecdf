"""Whom PostgreSQL's programs run as: never somebody who owns something."""

import os
import pwd

import pytest

from restorecheck.errors import AccessDeniedError
from restorecheck.postgres.account import choose_account


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
