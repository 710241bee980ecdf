"""What every kind of test shares: quiet logs, and a real PostgreSQL with dumps of it."""

import functools
import logging
import os

import botocore.loaders
import hypothesis
import pytest
import structlog

from tests import chosen, coverage, pg, places, quick
from tests.contract import postgres_store
from tests.iam import simulator as simulation
from tests.missing import missing, need

# The product's hosts configure logging; tests want only what goes wrong.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

places.settle()

# How long an example takes to make or to try says what else runs on this machine, and nothing of what is tested.
hypothesis.settings.register_profile(
    "restorecheck",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("restorecheck")

# Every drill has a session of its own, as in life; the descriptions of AWS are read once a process.
botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)


def pytest_xdist_auto_num_workers():
    """One more than there are processors: much of the time a test waits for a server."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_unconfigure():
    coverage.save()


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(there, what, how): see tests/missing.py")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        need(*mark.args)


def pytest_addoption(parser):
    which = parser.getgroup("restorecheck").addoption
    which("--quick", action="store_true", help="leave out most of what is slow: tests/slow.py")
    which("--rest", action="store_true", help="only what --quick leaves out, by the same seed")


def pytest_collection_modifyitems(config, items):
    if not (config.option.quick or config.option.rest):
        return
    taken, left = quick.split(items)
    if config.option.rest:
        taken, left = left, taken
    items[:] = taken
    config.hook.pytest_deselected(items=left)


def pytest_report_header():
    return f"seed of what is chosen by chance: RESTORECHECK_SEED={chosen.SEED}"


@pytest.fixture(scope="session")
def source():
    """A PostgreSQL server of the lowest major at hand, so that every other one can restore it."""
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation) as running:
        yield running


@pytest.fixture(scope="session")
def history_server():
    """A PostgreSQL server for histories."""
    with postgres_store.history_server() as running:
        yield running


@pytest.fixture(scope="session")
def dumps(source, tmp_path_factory):
    """The library in every format, made once."""
    folder = tmp_path_factory.mktemp("dumps")
    return {
        "custom": source.dump(folder / "library.dump", "--format=custom"),
        "custom by pipe": source.pipe(folder / "library-p.dump", "--format=custom"),
        "custom by >": source.redirect(folder / "library-r.dump", "--format=custom"),
        "directory": source.dump(folder / "library.dir", "--format=directory"),
        "tar": source.dump(folder / "library.tar", "--format=tar"),
        "plain": source.dump(folder / "library.sql", "--format=plain"),
        "plain -C": source.dump(folder / "library-c.sql", "--format=plain", "--create"),
        "inserts": source.dump(folder / "library-i.sql", "--format=plain", "--inserts"),
    }


@pytest.fixture(scope="session")
def simulator():
    """AWS's evaluation of policies, in a node process."""
    modules = simulation.find()
    if modules is None:
        missing(
            "the IAM simulator", "node, and npm install in a copy of tests/iam, as .ci/run does"
        )
    made = simulation.Simulator(modules)
    yield made
    made.close()
