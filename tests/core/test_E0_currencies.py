"""E0: two margin currencies side by side, XBt and USDt; neither touches the other."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import FundingPaid, Liquidated, Refused
from sim_exchange.core.types import HOUR_NS, Reason
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite, future, order

USDT = 10**6

ETHUSDT = future(
    "ETHUSDT",
    "ETH",
    expiry_ns=None,
    typ="FFWCSX",
    quote_currency="USDT",
    settl_currency="USDt",
    multiplier=10,  # a contract is 0.00001 ETH: 10 minor units of USDt for each USDT of price
    lot_size=1_000,
    tick_pico=5 * 10**10,  # 0.05
    mark_decimals=2,
    max_order_qty=1_000_000_000,
    max_price_ticks=20_000_000,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    risk_limit=1_000_000 * USDT,
    risk_step=1_000_000 * USDT,
    maker_fee_ppm=-250,
    taker_fee_ppm=750,
    reference_symbol=".BETHT",
    listing_ns=0,
    funding_interval_ns=8 * HOUR_NS,
    funding_ppm=0,  # of the first window: the mark is the index
)


def two_currencies() -> World:
    """XBTUSD at 10,000 in XBt, ETHUSDT at 1,800 in USDt."""
    w = World()
    for symbol, price in ((".BXBT", "10000"), (".BETHT", "1800")):
        w.ok(c.ListIndex(spec=composite(symbol, decimals=2)))
        w.index(symbol, price)
    w.enlist(XBTUSD)
    w.enlist(ETHUSDT)
    return w


def both(w: World, name: str) -> int:
    return w.account(name, XBt=XBT, USDt=1_000 * USDT)


def test_E0_usdt_contract_is_worth_10_minor_units_for_each_unit_of_price() -> None:
    w = two_currencies()
    a, b = both(w, "a"), both(w, "b")
    w.place(a, SELL, 100_000, 36_000, "ETHUSDT")
    w.place(b, BUY, 100_000, 36_000, "ETHUSDT")  # 1 ETH at 1,800

    view = w.x.position(b, "ETHUSDT")
    assert view is not None
    assert (view.current_qty, view.unrealised_cost) == (100_000, 1_800 * USDT)
    assert view.current_comm == 1_350_000  # 0.075 %
    margin = w.x.margin(b, "USDt")
    assert margin.wallet_balance == 1_000 * USDT - 1_350_000
    assert margin.maint_margin == 18 * USDT + 1_363_500  # 1 % and what closing at its end costs
    assert w.fees("USDt") == 1_350_000 - 450_000
    w.index(".BETHT", "1810")
    assert w.x.margin(b, "USDt").unrealised_pnl == 10 * USDT
    assert w.x.margin(a, "USDt").unrealised_pnl == -10 * USDT

    for account in (a, b):
        xbt = w.x.margin(account, "XBt")
        assert (xbt.wallet_balance, xbt.available, xbt.maint_margin) == (XBT, XBT, 0)
        assert w.x.margin_currencies(account) == ["XBt", "USDt"]


def test_E0_margin_of_one_currency_does_not_stand_for_the_other() -> None:
    w = two_currencies()
    rich, poor = both(w, "rich"), w.account("poor", XBt=100 * XBT)
    refused = w.refused(order(poor, BUY, 1_000, 36_000, "ETHUSDT"))
    assert refused.reason in (Reason.NO_FUNDS, Reason.INSUFFICIENT_BALANCE)
    only = w.account("only", USDt=1_000_000 * USDT)
    refused = w.refused(order(only, BUY, 1, 20_000, "XBTUSD"))
    assert refused.reason in (Reason.NO_FUNDS, Reason.INSUFFICIENT_BALANCE)
    before = w.x.margin(rich, "XBt").available
    w.place(rich, BUY, 100_000, 35_000, "ETHUSDT")
    assert w.x.margin(rich, "XBt").available == before
    assert w.x.margin(rich, "USDt").available < 1_000 * USDT


def test_E0_funding_is_paid_in_usdt() -> None:
    w = two_currencies()
    a, b = both(w, "a"), both(w, "b")
    w.place(a, SELL, 100_000, 36_000, "ETHUSDT")
    w.place(b, BUY, 100_000, 36_000, "ETHUSDT")
    w.x.markets["ETHUSDT"].funding_ppm = 100
    before = w.wallet(a, "USDt"), w.wallet(b, "USDt")
    w.ok(c.FundNow(symbol="ETHUSDT"))

    assert w.of(FundingPaid)
    assert w.wallet(b, "USDt") == before[1] - 180_000
    assert w.wallet(a, "USDt") == before[0] + 180_000
    assert w.wallet(a) == w.wallet(b) == XBT


def test_E0_liquidation_in_usdt_leaves_xbt_alone() -> None:
    w = two_currencies()
    rich = w.account("rich", XBt=XBT, USDt=100_000 * USDT)
    thin = w.account("thin", XBt=XBT, USDt=25 * USDT)
    w.place(rich, SELL, 100_000, 36_000, "ETHUSDT")
    w.place(thin, BUY, 100_000, 36_000, "ETHUSDT")
    w.place(rich, BUY, 100_000, 35_900, "ETHUSDT")  # whoever takes it from the engine
    w.place(thin, BUY, 100, 19_000, "XBTUSD")
    w.index(".BETHT", "1785")

    assert [e.account for e in w.of(Liquidated) if isinstance(e, Liquidated)] == [thin]
    assert w.qty(thin, "ETHUSDT") == 0
    assert w.wallet(thin, "USDt") >= 0
    assert w.x.fund("USDt") > 0
    assert w.x.fund("XBt") == 0
    assert w.wallet(thin) == XBT
    assert len(w.x.open_orders(thin, "XBTUSD")) == 1


def test_E0_usdt_is_deposited_withdrawn_and_transferred_at_its_own_scale() -> None:
    w = two_currencies()
    a = both(w, "a")
    sub = w.ok(c.OpenAccount(name="sub", owner=a))
    w.ok(c.Transfer(account=a, source=a, target=sub, currency="USDt", amount=5 * USDT))
    out = c.RequestWithdrawal(account=a, currency="USDt", amount=994 * USDT, address="T")
    w.ok(out)
    assert w.x.min_withdrawal_fee("USDt") == USDT
    assert (w.wallet(a, "USDt"), w.wallet(a)) == (0, XBT)
    (event,) = w.do(out)
    assert isinstance(event, Refused)
    assert event.reason is Reason.NOT_WITHDRAWABLE
