"""ccxt 4.5.82, unmodified: deposits, withdrawals and what they cost (E27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ccxt
import pytest

from tests.clients.test_ccxt import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "385cR5DM96n1HvBDMzLHPYcw89fZAXULJP"
NETWORK = {"network": "BTC"}


@pytest.fixture
def a(quiet, alice) -> Iterator[Any]:
    """Alice's client."""
    made = connect(quiet, alice.key, alice.secret)
    yield made
    made.session.close()


def test_deposit_address_is_a_text(a):
    found = a.fetch_deposit_address("BTC", NETWORK)

    assert found["address"].startswith("3BMEX")
    assert found["network"] == "BTC"


def test_withdrawal_is_pending_and_takes_its_money_along(a):
    before = a.fetch_balance()["BTC"]["free"]
    asked = a.withdraw("BTC", 0.5, HOME, params=NETWORK)

    assert (asked["type"], asked["status"], asked["currency"]) == ("withdrawal", "pending", "BTC")
    assert (asked["amount"], asked["fee"]["cost"]) == (0.5002, 0.0002)
    assert (asked["address"], asked["addressTo"]) == (HOME, HOME)
    assert a.fetch_balance()["BTC"]["free"] == pytest.approx(before - 0.5002, abs=1e-9)
    newest = max(a.fetch_deposits_withdrawals(), key=lambda row: row["timestamp"])
    assert (newest["id"], newest["status"]) == (asked["id"], "pending")


def test_more_than_there_is_raises_with_the_venue_s_words(a):
    with pytest.raises(ccxt.ExchangeError, match="insufficient Withdrawable Balance"):
        a.withdraw("BTC", 1_000, HOME, params=NETWORK)


def test_fees_of_networks_are_read(a):
    fees = a.fetch_deposit_withdraw_fees(["BTC"])

    assert fees["BTC"]["networks"]["BTC"]["withdraw"]["fee"] == 0.0002
