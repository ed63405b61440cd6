"""What holds for all tests: how property tests choose examples, that Ctrl-C works, the collector, the log."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tgbot.operate.collector import THRESHOLDS, settle

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

#: Runs of pytest within tests; pytest takes it from this file only.
pytest_plugins = "pytester"

# The same examples in every run, however slow the machine is; "explore" tries new ones, and more of them.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", patient, derandomize=True, max_examples=40)
settings.register_profile("explore", patient, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests: at the end no core waits for the last of them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is compiled of the tests, also where Python keeps no bytecode: it takes half of the time."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = before


# Tests are collected into hundreds of thousands of objects, which stay until the end. Searching them for
# cycles took a quarter of the collection, and a tenth of the tests after it.
gc.set_threshold(*THRESHOLDS)


def pytest_collection_finish() -> None:
    """Leave all that was collected out of the collector's work, as a running bot does after its start."""
    settle()


# A shell's background job starts with SIGINT ignored, and one under nohup with SIGHUP, and so would every
# command that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def levels() -> Iterator[None]:
    """Put the levels of all loggers back."""
    root = logging.getLogger()
    before = {one: one.level for one in (root, *map(logging.getLogger, root.manager.loggerDict))}
    yield
    for logger, level in before.items():
        logger.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, one for each process with tests."""
    from tests.postgres import VARIABLE, postgres_server  # late: psycopg takes a tenth of a second

    with postgres_server() as server:
        if server is None:
            pytest.skip(f"there is no PostgreSQL: install Debian's postgresql, or set {VARIABLE}")
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    """Return the address of an empty database."""
    return postgres.new_database()


@pytest.fixture
def bot_url(postgres: PostgresServer) -> str:
    """Return the address of a database with a bot's tables, which are empty."""
    return postgres.bot_database()
