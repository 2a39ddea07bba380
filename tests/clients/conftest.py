"""Exchanges to connect to: one that stands still, one with a market; both stop without a fault."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.clients.raw import ok
from tests.clients.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.served import Key

START = "2018-01-15T00:00:04Z"
"""Where the quiet exchange's clock begins, a second before its index is published again."""
INDEX_PRICE = 0.0026


def _serving(home, *options: str) -> Iterator[Served]:
    served = Served(home, *options)
    yield served
    code, log = served.stop(), served.log()
    assert (code, [line for line in log.splitlines() if "rror" in line]) == (0, [])


@pytest.fixture(scope="session")
def quiet(tmp_path_factory) -> Iterator[Served]:
    """Nobody trades but the test, and the index stands still."""
    home = tmp_path_factory.mktemp("quiet")
    for served in _serving(home, "--market", "none", "--limits", "off", "--start", START):
        served.tell("/index", {"index": ".ETCXBT", "price": INDEX_PRICE})
        while ok(served, "GET", "/instrument?symbol=ETC7D")[0]["markPrice"] != INDEX_PRICE:
            time.sleep(0.05)
        yield served


@pytest.fixture(scope="session")
def busy(tmp_path_factory) -> Iterator[Served]:
    """The default market: a spot book of ten levels, takers, a moving index."""
    home = tmp_path_factory.mktemp("busy")
    yield from _serving(home, "--limits", "off", "--account", "alice:alice-key:alice-secret:10")


@pytest.fixture
def serving(tmp_path) -> Iterator[Callable[..., Served]]:
    """Start exchanges with options of their own; they end with the test."""
    started: list[Iterator[Served]] = []

    def start(*options: str) -> Served:
        home = tmp_path / str(len(started))
        home.mkdir()
        started.append(_serving(home, *options))
        return next(started[-1])

    yield start
    for each in started:
        assert next(each, None) is None


def _account(served: Served, etc: float = 0) -> Iterator[Key]:
    # What a test leaves in the book would trade with the next test's orders.
    key = served.account(etc=etc)
    yield key
    ok(served, "DELETE", "/order/all", key)


@pytest.fixture
def alice(quiet) -> Iterator[Key]:
    """An account of the quiet exchange with 10 XBT, new for each test."""
    yield from _account(quiet)


@pytest.fixture
def bob(quiet) -> Iterator[Key]:
    """Another one, who owns 1,000 ETC too."""
    yield from _account(quiet, etc=1000)
