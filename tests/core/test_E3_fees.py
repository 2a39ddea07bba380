"""E3: the maker is paid or pays less, the taker pays; hidden orders pay as takers."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.value import fee
from sim_exchange.core.types import ExecInst, Liquidity, OrdStatus
from tests.core.world import BUY, ETC7D, SELL, inverse_world, world


def test_E3_taker_pays_and_maker_is_paid() -> None:
    w = inverse_world("10000")
    maker = w.account("maker", XBt=10**8)
    taker = w.account("taker", XBt=10**8)
    w.place(maker, BUY, 1_000, 20_000, "XBTUSD")
    w.place(taker, SELL, 1_000, 20_000, "XBTUSD")

    made, took = w.executions(maker)[0], w.executions(taker)[-1]
    assert (made.exec_comm, made.commission_ppm, made.liquidity) == (-2_500, -250, Liquidity.ADDED)
    assert (took.exec_comm, took.commission_ppm, took.liquidity) == (7_500, 750, Liquidity.REMOVED)
    assert w.fees() == 5_000


@pytest.mark.parametrize(
    ("rate_ppm", "value", "charged"),
    [
        (500, 100_000 * 10_000, 500_000),  # 100,000 XBT futures settled @10,000
        (2_500, 300 * 2_010_000, 1_507_500),  # 300 ETC7D settled @0.0201
        (0, 300 * 2_010_000, 0),  # ... from 2018-03-30
    ],
)
def test_E3_settlement_fees(rate_ppm: int, value: int, charged: int) -> None:
    assert fee(rate_ppm, value) == charged


def test_E3_futures_pay_five_hundredths_of_a_percent_at_settlement() -> None:
    w = inverse_world("10000", maker_fee_ppm=0, taker_fee_ppm=0)
    long, short = w.account("long", XBt=10**9), w.account("short", XBt=10**9)
    w.place(long, BUY, 100_000, 20_000, "XBTUSD")
    w.place(short, SELL, 100_000, 20_000, "XBTUSD")

    w.ok(c.ExpireNow(symbol="XBTUSD"))

    assert (w.wallet(long), w.wallet(short)) == (10**9 - 500_000, 10**9 - 500_000)
    assert w.fees() == 1_000_000


@pytest.mark.parametrize(("rate_ppm", "charged"), [(2_500, 1_507_500), (0, 0)])
def test_E3_300_contracts_settled_at_0_0201(rate_ppm: int, charged: int) -> None:
    w = world("0.0201", spot=False)
    w.enlist(ETC7D, symbol="X7D", maker_fee_ppm=0, taker_fee_ppm=0, settlement_fee_ppm=rate_ppm)
    long, short = w.account("long", XBt=10**9), w.account("short", XBt=10**9)
    w.place(long, BUY, 300, 20_100, "X7D")
    w.place(short, SELL, 300, 20_100, "X7D")

    w.ok(c.ExpireNow(symbol="X7D"))

    assert (w.wallet(long), w.wallet(short)) == (10**9 - charged, 10**9 - charged)


def test_E3_a_hidden_order_pays_as_a_taker() -> None:
    w = world()
    maker, taker = w.account("maker", XBt=10**9), w.account("taker", XBt=10**9)
    w.place(maker, SELL, 10, 20_000, display=0)
    w.place(taker, BUY, 10)

    assert w.executions(maker)[0].commission_ppm == 2_500


def test_E3_post_only_that_would_cross_is_canceled_without_a_fee() -> None:
    w = world()
    maker, other = w.account("maker", XBt=10**9), w.account("other", XBt=10**9)
    w.place(maker, SELL, 10, 20_000)

    order = w.place(other, BUY, 10, 20_000, inst=ExecInst.POST_ONLY)

    assert (order.status, order.cum_qty) == (OrdStatus.CANCELED, 0)
    assert w.wallet(other) == 10**9
    assert w.fees() == 0
