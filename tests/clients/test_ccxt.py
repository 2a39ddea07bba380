"""ccxt 4.5.82, unmodified, with its URLs set to ours: what a user of it relies on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import ccxt
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.served import Key, Served

FUTURE = "ETC/BTC:BTC-180119"
SPOT = "ETC/BTC"
CATALOGUE = {
    "BTC/USD:BTC": "XBTUSD",
    "ETH/USD:BTC": "ETHUSD",
    "BTC/USD:BTC-180330": "XBTH18",
    "BTC/USD:BTC-180629": "XBTM18",
    "ADA/BTC:BTC-180330": "ADAH18",
    "BCH/BTC:BTC-180330": "BCHH18",
    "ETH/BTC:BTC-180330": "ETHH18",
    "LTC/BTC:BTC-180330": "LTCH18",
    "XRP/BTC:BTC-180330": "XRPH18",
    SPOT: "ETC_XBT",
    FUTURE: "ETC7D",
    "ETH/BTC": "ETH_XBT",
    "BTC/USDT": "XBT_USDT",
    "XBT7D_U110/BTC:BTC-180119": "XBT7D_U110",
    "XBT7D_D90/BTC:BTC-180119": "XBT7D_D90",
}
"""Every market of the default catalogue in January 2018: symbol of ccxt, symbol of the venue."""


def connect(served: Served, key: str, secret: str) -> Any:
    client = ccxt.bitmex({"apiKey": key, "secret": secret, "enableRateLimit": False})
    client.urls["api"]["public"] = client.urls["api"]["private"] = served.base
    return client


@pytest.fixture
def client(quiet) -> Iterator[Callable[[Key], Any]]:
    """A client of an account of the quiet exchange."""
    opened: list[Any] = []

    def make(account: Key) -> Any:
        opened.append(connect(quiet, account.key, account.secret))
        return opened[-1]

    yield make
    for each in opened:
        each.session.close()


@pytest.fixture
def a(client, alice) -> Any:
    """Alice's client."""
    return client(alice)


@pytest.fixture
def b(client, bob) -> Any:
    """Bob's client."""
    return client(bob)


def test_markets_have_the_symbols_of_ccxt_and_the_contracts_terms(a):
    markets = a.load_markets()

    # Of the whole catalogue no two are merged, and each id finds its market.
    assert {name: market["id"] for name, market in markets.items()} == CATALOGUE
    assert {market["id"]: name for name, market in markets.items()} == {
        a.market(symbol)["id"]: symbol for symbol in CATALOGUE
    }
    assert all(market["active"] for market in markets.values())
    future, spot = markets[FUTURE], markets[SPOT]
    assert (future["id"], future["type"], future["linear"], future["settle"]) == (
        "ETC7D",
        "future",
        True,
        "BTC",
    )
    assert (future["contractSize"], future["active"]) == (1, True)
    assert (future["precision"]["price"], future["precision"]["amount"]) == (1e-6, 1)
    assert (future["maker"], future["taker"]) == (-0.0005, 0.0025)
    assert future["limits"]["leverage"]["max"] == 20
    assert a.iso8601(future["expiry"]) == "2018-01-19T12:00:00.000Z"
    assert (spot["id"], spot["type"], spot["contract"]) == ("ETC_XBT", "spot", False)
    assert (spot["maker"], spot["taker"], spot["precision"]["price"]) == (0.0015, 0.0025, 1e-8)


def test_currencies_of_wallets_are_known(a):
    currencies = a.fetch_currencies()

    assert {"BTC", "ETC"} <= set(currencies)
    assert (currencies["BTC"]["id"], currencies["BTC"]["precision"]) == ("XBt", 1e-8)


def test_order_is_placed_edited_found_and_canceled(a):
    placed = a.create_order(FUTURE, "limit", "buy", 10, 0.0025, {"clientOrderId": "mine/1+"})
    assert (placed["status"], placed["symbol"], placed["side"]) == ("open", FUTURE, "buy")
    assert (placed["amount"], placed["price"], placed["remaining"]) == (10, 0.0025, 10)
    assert placed["clientOrderId"] == "mine/1+"

    edited = a.edit_order(placed["id"], FUTURE, "limit", "buy", 12, 0.002501)
    assert (edited["id"], edited["amount"], edited["price"]) == (placed["id"], 12, 0.002501)

    assert a.fetch_order(placed["id"], FUTURE)["amount"] == 12
    assert [order["id"] for order in a.fetch_open_orders(FUTURE)] == [placed["id"]]

    canceled = a.cancel_order(placed["id"], FUTURE)
    assert (canceled["status"], canceled["filled"], canceled["remaining"]) == ("canceled", 0, 0)
    assert a.fetch_open_orders(FUTURE) == []
    assert a.fetch_order(placed["id"], FUTURE)["status"] == "canceled"


def test_canceling_twice_is_order_not_found(a):
    order = a.create_order(FUTURE, "limit", "buy", 1, 0.0025)
    a.cancel_order(order["id"], FUTURE)

    with pytest.raises(ccxt.OrderNotFound, match="due to existing state: Canceled"):
        a.cancel_order(order["id"], FUTURE)


def test_canceling_what_never_was_is_an_error(a):
    with pytest.raises(ccxt.ExchangeError, match="Not Found"):
        a.cancel_order("01234567-89ab-4def-8123-456789abcdef", FUTURE)


def test_fetching_what_never_was_is_order_not_found(a):
    with pytest.raises(ccxt.OrderNotFound):
        a.fetch_order("01234567-89ab-4def-8123-456789abcdef", FUTURE)


def test_several_orders_are_canceled_by_id_and_the_rest_all_at_once(a):
    first, second, third = (
        a.create_order(FUTURE, "limit", "buy", 1, price)["id"] for price in (0.0025, 0.0024, 0.0023)
    )

    assert [o["id"] for o in a.cancel_orders([first, second], FUTURE)] == [first, second]
    assert [o["id"] for o in a.cancel_all_orders(FUTURE)] == [third]
    assert a.cancel_all_orders() == []


def test_a_trigger_order_is_placed_shown_and_canceled(a):
    params = {"triggerPrice": 0.002, "triggerDirection": "below"}
    stop = a.create_order(FUTURE, "market", "sell", 5, None, params)
    limit = a.create_order(FUTURE, "limit", "sell", 5, 0.0019, params)

    for placed in (stop, limit):
        assert (placed["status"], placed["triggerPrice"]) == ("open", 0.002)
        assert (placed["filled"], placed["remaining"]) == (0, 5)
    assert (stop["type"], limit["type"]) == ("stop", "stoplimit")
    assert {one["id"] for one in a.fetch_open_orders(FUTURE)} == {stop["id"], limit["id"]}
    assert a.cancel_order(stop["id"], FUTURE)["status"] == "canceled"
    assert a.edit_order(limit["id"], FUTURE, "limit", "sell", 4, 0.0018)["amount"] == 4
    a.cancel_all_orders(FUTURE)


def test_a_trailing_order_is_placed_with_its_offset(a):
    params = {"trailingAmount": 0.0001, "triggerDirection": "below"}
    trailing = a.create_order(FUTURE, "market", "sell", 5, None, params)

    info = trailing["info"]
    assert (info["pegPriceType"], float(info["pegOffsetValue"])) == ("TrailingStopPeg", -0.0001)
    assert trailing["triggerPrice"] > 0
    a.cancel_all_orders(FUTURE)


def test_the_same_client_order_id_is_invalid(a):
    a.create_order(FUTURE, "limit", "buy", 1, 0.0025, {"clientOrderId": "one"})

    with pytest.raises(ccxt.InvalidOrder, match="Duplicate clOrdID"):
        a.create_order(FUTURE, "limit", "buy", 1, 0.0025, {"clientOrderId": "one"})


def test_market_order_takes_and_both_sides_see_it(a, b):
    b.create_order(FUTURE, "limit", "sell", 20, 0.00262)

    bought = a.create_order(FUTURE, "market", "buy", 5)

    assert (bought["status"], bought["filled"], bought["average"]) == ("closed", 5, 0.00262)
    (taken,), (made,) = a.fetch_my_trades(FUTURE), b.fetch_my_trades(FUTURE)
    assert (taken["takerOrMaker"], taken["side"], taken["amount"]) == ("taker", "buy", 5)
    assert (made["takerOrMaker"], made["side"], made["price"]) == ("maker", "sell", 0.00262)
    assert taken["order"] == bought["id"]
    assert taken["id"] == made["id"]  # the match's
    # Value 5 x 0.00262 XBT; 0.25 % paid, 0.05 % received. ccxt leaves a contract's in satoshi.
    assert (taken["cost"], taken["fee"]["cost"], made["fee"]["cost"]) == (1_310_000, 3_275, -655)
    printed = a.fetch_trades(FUTURE)[-1]
    assert (printed["id"], printed["price"], printed["amount"]) == (taken["id"], 0.00262, 5)
    ticker = a.fetch_ticker(FUTURE)
    assert (ticker["last"], ticker["ask"], ticker["bid"]) == (0.00262, 0.00262, None)
    assert a.fetch_ohlcv(FUTURE, "1m")[-1][4] == 0.00262


def test_positions_have_side_size_and_margin_and_close(a, b):
    b.create_order(FUTURE, "limit", "sell", 100, 0.00261)
    a.create_order(FUTURE, "limit", "buy", 100, 0.00261)

    (long,), (short,) = a.fetch_positions([FUTURE]), b.fetch_positions([FUTURE])

    assert (long["side"], long["contracts"], long["entryPrice"]) == ("long", 100, 0.00261)
    assert (short["side"], short["contracts"], short["entryPrice"]) == ("short", 100, 0.00261)
    assert (long["markPrice"], long["notional"]) == (0.0026, 0.26)
    assert (long["leverage"], long["marginMode"]) == (20, "cross")
    # 100 x (0.0026 - 0.00261) XBT
    assert float(long["unrealizedPnl"]) == -0.001
    assert float(short["unrealizedPnl"]) == 0.001
    assert float(long["maintenanceMargin"]) > 0

    b.create_order(FUTURE, "limit", "buy", 100, 0.0026)
    closed = a.close_position(FUTURE)

    assert (closed["status"], closed["side"], closed["filled"]) == ("closed", "sell", 100)
    assert a.fetch_positions([FUTURE])[0]["contracts"] == 0


def test_post_only_that_would_take_is_canceled_without_an_error(a, b):
    b.create_order(FUTURE, "limit", "sell", 10, 0.00262)

    order = a.create_order(FUTURE, "limit", "buy", 10, 0.00262, {"postOnly": True})

    assert (order["status"], order["filled"], order["postOnly"]) == ("canceled", 0, True)
    assert a.fetch_my_trades(FUTURE) == []


def test_reduce_only_without_a_position_trades_nothing(a, b):
    b.create_order(FUTURE, "limit", "sell", 10, 0.00262)

    with pytest.raises(ccxt.BadRequest, match="Order had execInst of ReduceOnly and side of Buy"):
        a.create_order(FUTURE, "limit", "buy", 10, 0.00262, {"reduceOnly": True})


def test_book_has_the_best_price_first_and_sizes_in_contracts(a, b):
    for price in (0.0027, 0.00271, 0.00272):
        b.create_order(FUTURE, "limit", "sell", 3, price)
    for price in (0.0025, 0.00249):
        a.create_order(FUTURE, "limit", "buy", 4, price)

    book = a.fetch_order_book(FUTURE, 2)

    assert book["asks"] == [[0.0027, 3], [0.00271, 3]]
    assert book["bids"] == [[0.0025, 4], [0.00249, 4]]


def test_spot_is_traded_in_coins(a, b):
    b.create_order(SPOT, "limit", "sell", 1.5, 0.0027)
    assert a.fetch_order_book(SPOT)["asks"] == [[0.0027, 1.5]]

    bought = a.create_order(SPOT, "market", "buy", 0.5)

    assert (bought["filled"], bought["average"], bought["cost"]) == (0.5, 0.0027, 0.00135)
    (trade,) = a.fetch_my_trades(SPOT)
    # 0.25 % of 135,000 satoshi is 337.5; a spot fee is floored once.
    assert (trade["amount"], trade["cost"], trade["fee"]["cost"]) == (0.5, 0.00135, 3.37e-6)
    balance = a.fetch_balance()
    assert balance["BTC"]["total"] == pytest.approx(10 - 0.00135 - 0.00000337, abs=1e-12)
    assert balance["ETC"] == {"free": 0.5, "used": 0, "total": 0.5}


def test_balance_says_what_orders_hold(a):
    before = a.fetch_balance()["BTC"]
    a.create_order(FUTURE, "limit", "buy", 1000, 0.0025)
    after = a.fetch_balance()["BTC"]

    assert (before["free"], before["total"]) == (10, 10)
    assert after["total"] == 10
    # Initial margin, 5 % of 2.5 XBT, and the fees both ways.
    assert 0.125 < after["used"] < 0.15


def test_ledger_begins_with_the_deposit(a):
    first = a.fetch_ledger("BTC")[0]

    assert (first["amount"], first["after"], first["direction"]) == (10, 10, "in")
    assert a.fetch_deposits_withdrawals()[0]["type"] == "deposit"


def test_leverage_and_margin_mode_are_set(a):
    assert a.set_leverage(10, FUTURE)["leverage"] == 10
    assert a.set_margin_mode("cross", FUTURE)["crossMargin"] is True


def test_dead_mans_switch_cancels_and_can_be_disarmed(a):
    a.create_order(FUTURE, "limit", "buy", 1, 0.0025)
    a.cancel_all_orders_after(60_000)
    a.cancel_all_orders_after(0)
    # ccxt sends thousandths of what it is given: this asks for 300 ms.
    a.cancel_all_orders_after(300_000)
    assert len(a.fetch_open_orders(FUTURE)) == 1

    for _ in range(50):
        time.sleep(0.1)
        if a.fetch_open_orders(FUTURE) == []:
            break
    (canceled,) = a.fetch_closed_orders(FUTURE)
    assert (canceled["status"], canceled["filled"]) == ("canceled", 0)


def test_wrong_key_and_wrong_secret_are_authentication_errors(quiet, alice):
    for key, secret, words in (
        ("nobody", alice.secret, "Invalid API Key"),
        (alice.key, "wrong", "Signature not valid"),
    ):
        client = connect(quiet, key, secret)
        try:
            with pytest.raises(ccxt.AuthenticationError, match=words):
                client.fetch_balance()
        finally:
            client.session.close()


def test_a_request_that_expired_says_so(quiet, alice):
    client = connect(quiet, alice.key, alice.secret)
    client.options["recvWindow"] = -60_000
    try:
        with pytest.raises(ccxt.ExchangeError, match="`expires` is in the past"):
            client.fetch_balance()
    finally:
        client.session.close()


def test_too_little_money_is_insufficient_funds(quiet, client):
    poor = client(quiet.account(xbt=0.0001))

    with pytest.raises(ccxt.InsufficientFunds, match=r"Available Balance, \d+ XBt required"):
        poor.create_order(FUTURE, "limit", "buy", 100, 0.0025)
    assert poor.fetch_open_orders() == []


BAD = [
    ({"price": 0.0025004}, ccxt.BadRequest, '"Invalid price tickSize"'),
    ({"price": 2}, ccxt.InvalidOrder, '"Invalid price"'),
    ({"price": -1}, ccxt.InvalidOrder, '"Invalid price"'),
    ({"price": "cheap"}, ccxt.InvalidOrder, '"Invalid price"'),
    ({"orderQty": 0}, ccxt.BadRequest, '"Invalid orderQty"'),
    ({"orderQty": 1.5}, ccxt.BadRequest, '"Invalid orderQty"'),
    ({"symbol": "XBTUSDX"}, ccxt.BadRequest, '"Invalid symbol"'),
]


@pytest.mark.parametrize(("fields", "error", "words"), BAD, ids=[str(case[0]) for case in BAD])
def test_a_bad_value_is_refused_in_the_venues_words(a, fields, error, words):
    with pytest.raises(error, match=words):
        a.create_order(FUTURE, "limit", "buy", 1, 0.0025, fields)
    assert a.fetch_open_orders() == []


def test_default_market_is_seen_through_ccxt(busy):
    client = connect(busy, "alice-key", "alice-secret")
    try:
        symbols = {market["id"]: symbol for symbol, market in client.load_markets().items()}
        spot, future = symbols["ETC_XBT"], symbols["ETC7D"]
        ticker, book = client.fetch_ticker(spot), client.fetch_order_book(spot)
        assert len(book["bids"]) >= 5
        assert len(book["asks"]) >= 5
        assert book["bids"][0][0] < book["asks"][0][0]
        assert ticker["bid"] < ticker["ask"]
        assert client.fetch_tickers([future])[future]["markPrice"] > 0
        assert client.fetch_balance()["BTC"]["free"] == 10
    finally:
        client.session.close()


def test_funding_rates_their_history_and_liquidations_are_read_through_ccxt(a):
    swap = next(market["symbol"] for market in a.load_markets().values() if market["swap"])

    assert a.fetch_funding_rates()[swap]["fundingRate"] == 0.0001
    assert a.fetch_funding_rate_history(swap) == []  # none has been yet
    assert a.fetch_liquidations(swap) == []
