"""E12 through the door: recorded positions, several margin currencies, leverage and transfers."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import HOUR_NS, PICO, Kind, Reason
from sim_exchange.core.views import PositionView
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite, inverse_world

PERPETUAL = {"expiry_ns": None, "typ": "FFWCSX", "maker_fee_ppm": 0}
USDT = 10**6
EIGHT_HOURS_NS = 8 * HOUR_NS
ETHUSDT = msgspec.structs.replace(
    XBTUSD,
    symbol="ETHUSDT",
    kind=Kind.LINEAR,
    typ="FFWCSX",
    multiplier=10,  # 10 USDt per price unit and contract
    settl_currency="USDt",
    tick_pico=5 * 10**10,  # 0.05
    init_margin_ppm=20_000,
    maint_margin_ppm=10_000,
    risk_limit=10**12,
    risk_step=10**12,
    maker_fee_ppm=0,
    reference_symbol=".BETH",
    expiry_ns=None,
)
ETHUSD = msgspec.structs.replace(
    ETHUSDT,
    symbol="ETHUSD",
    kind=Kind.QUANTO,
    multiplier=100,
    settl_currency="XBt",
    risk_limit=50 * XBT,
    risk_step=50 * XBT,
)


def pico(price: str) -> int:
    """A decimal price in 1e-12."""
    whole, _, decimals = price.partition(".")
    return int(whole + decimals) * PICO // 10 ** len(decimals)


def eth_world(spec: InstrumentSpec, price: str, wallet: int, **changes: object) -> World:
    """One ether contract; account 1 has ``wallet``, account 2 plenty."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".BETH", decimals=2)))
    w.index(".BETH", price)
    w.enlist(spec, **changes)
    currency = spec.settl_currency
    w.account("one", **{currency: wallet})
    w.account("other", **{currency: 10**13})
    return w


def trade(w: World, symbol: str, side: int, qty: int, ticks: int) -> None:
    """Account 1 takes a position, against account 2."""
    mine, theirs = (BUY, SELL) if side > 0 else (SELL, BUY)
    w.place(2, theirs, qty, ticks, symbol)
    w.place(1, mine, qty, ticks, symbol)


def view_of(w: World, symbol: str = "XBTUSD") -> PositionView:
    """The position of account 1."""
    view = w.x.position(1, symbol)
    assert view is not None
    return view


def lever(w: World, cents: int, symbol: str = "XBTUSD") -> None:
    """Account 1 chooses leverage."""
    w.ok(c.SetLeverage(account=1, symbol=symbol, leverage_cents=cents))


def transfer(amount: int, symbol: str = "XBTUSD") -> c.TransferMargin:
    """Account 1 moves margin."""
    return c.TransferMargin(account=1, symbol=symbol, amount=amount)


def two(price: str, wallet: int, **changes: object) -> World:
    """XBTUSD at ``price``; account 1 has ``wallet``, account 2 plenty."""
    w = inverse_world(price, **{**PERPETUAL, **changes})
    w.account("one", XBt=wallet)
    w.account("other", XBt=10**12)
    return w


# --- recorded positions


def test_E12_real_position_b_with_margin_moved_in() -> None:
    w = two("10713.5", 10**8)
    lever(w, 500)
    trade(w, "XBTUSD", -1, 2_000, 21_427)
    w.ok(transfer(71_429))
    view = view_of(w)
    assert (view.unrealised_cost, view.pos_init, view.pos_cross) == (18_668_000, 3_733_600, 71_429)
    assert (view.pos_comm, view.pos_maint, view.pos_margin) == (16_855, 110_195, 3_821_884)
    assert view.liquidation_pico == pico("13370.5")
    assert view.bankrupt_pico == pico("13455")


def test_E12_real_position_d_in_a_margin_currency_of_its_own() -> None:
    w = eth_world(ETHUSDT, "1963", 100 * USDT)
    lever(w, 300, "ETHUSDT")
    trade(w, "ETHUSDT", 1, 2_000, 39_260)
    view = view_of(w, "ETHUSDT")
    assert (view.unrealised_cost, view.pos_init, view.pos_comm) == (
        39_260_000,
        13_086_667,
        39_261,
    )
    assert view.pos_margin == 13_125_928
    assert view.bankrupt_pico == pico("1308.7")
    fee = 29_445  # 0.075 % of 39,260,000
    assert w.wallet(1, "USDt") == 100 * USDT - fee
    assert w.x.margin(1, "USDt").available == 100 * USDT - fee - 13_125_928
    assert w.x.margin_currencies(1) == ["XBt", "USDt"]


def test_E12_money_of_one_currency_does_not_back_positions_of_another() -> None:
    w = eth_world(ETHUSDT, "1963", USDT // 2)
    w.ok(c.Deposit(to_account=1, currency="XBt", amount=100 * XBT))
    refused = w.refused(
        c.PlaceOrder(account=1, symbol="ETHUSDT", side=BUY, order_qty=2_000, price=39_260)
    )
    assert refused.reason is Reason.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    ("side", "liquidation", "bankrupt"), [(1, "9950.5", "9901"), (-1, "10050", "10101")]
)
def test_E12_at_100x(side: int, liquidation: str, bankrupt: str) -> None:
    w = two("10000", 10**6)
    lever(w, 10_000)
    trade(w, "XBTUSD", side, 1_000, 20_000)
    view = view_of(w)
    assert (view.pos_init, view.pos_comm) == (100_000, 7_575)
    assert (view.pos_maint, view.pos_margin) == (57_575, 107_575)
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico(liquidation), pico(bankrupt))


def test_E12_cross_fee_free_document_case_through_the_door() -> None:
    w = eth_world(
        ETHUSDT, "1000", 10_000 * USDT, multiplier=USDT, tick_pico=10**10, taker_fee_ppm=0
    )
    trade(w, "ETHUSDT", 1, 20, 100_000)
    view = view_of(w, "ETHUSDT")
    assert (view.pos_init, view.pos_maint) == (400 * USDT, 200 * USDT)
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("510"), pico("500"))
    assert w.x.margin(1, "USDt").available == 9_600 * USDT


@pytest.mark.parametrize(
    ("wallet", "side", "liquidation", "bankrupt"),
    [
        (1_000_000, 1, "9140", "9098.5"),
        (1_000_000, -1, "11038.5", "11100"),
        (1_000_207, 1, "9139.5", "9098.5"),
    ],
)
def test_E12_cross_inverse_through_the_door(
    wallet: int, side: int, liquidation: str, bankrupt: str
) -> None:
    w = two("10000", wallet)
    w.place(1, BUY if side > 0 else SELL, 1_000, 20_000, "XBTUSD")  # the maker, who pays nothing
    w.place(2, SELL if side > 0 else BUY, 1_000, 20_000, "XBTUSD")
    view = view_of(w)
    assert view.liquidation_pico == pico(liquidation)
    assert view.bankrupt_pico == pico(bankrupt)
    # A cross position shows no transfer, and initial margin and the fee's reserve.
    assert (view.pos_cross, view.pos_margin) == (0, 107_575)


def test_E12_quanto_seed_at_full_leverage() -> None:
    w = eth_world(ETHUSD, "500", XBT)
    lever(w, 5_000, "ETHUSD")
    trade(w, "ETHUSD", 1, 10_000, 10_000)
    view = view_of(w, "ETHUSD")
    assert (view.unrealised_cost, view.pos_init) == (5 * XBT, 10_000_000)
    assert view.liquidation_pico == pico("495")
    w.index(".BETH", "495.01")
    assert w.qty(1, "ETHUSD") == 10_000
    w.index(".BETH", "495")
    assert w.qty(1, "ETHUSD") == 0


# --- with funding pending, which a new perpetual starts with at 0.01 %


def test_E12_real_position_d_with_its_funding() -> None:
    w = eth_world(ETHUSDT, "1963", 100 * USDT, funding_interval_ns=EIGHT_HOURS_NS)
    lever(w, 300, "ETHUSDT")
    trade(w, "ETHUSDT", 1, 2_000, 39_260)
    view = view_of(w, "ETHUSDT")
    assert (view.pos_maint, view.pos_margin) == (435_787, 13_125_928)
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("1328.5"), pico("1308.7"))


def test_E12_real_position_c_with_its_losses_and_funding() -> None:
    w = two("3349.5", 10**7)
    lever(w, 1_000)
    trade(w, "XBTUSD", -1, 20, 6_699)
    w.x._state.markets["XBTUSD"].funding_ppm = -3_750  # shorts pay
    w.x._state.accounts[1].positions["XBTUSD"].pos_loss = 1_042
    view = view_of(w)
    assert (view.unrealised_cost, view.pos_init, view.pos_comm) == (597_100, 59_710, 493)
    assert (view.pos_maint, view.pos_margin) == (5_718, 59_161)
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("3678.5"), pico("3714"))


@pytest.mark.parametrize(
    ("leverage_cents", "side", "liquidation"),
    [(10_000, 1, "9951.5"), (10_000, -1, "10050"), (0, 1, "9141"), (0, -1, "11038.5")],
)
def test_E12_funding_pending_counts_for_the_side_that_pays(
    leverage_cents: int, side: int, liquidation: str
) -> None:
    w = two("10000", 1_000_000, funding_interval_ns=EIGHT_HOURS_NS)
    lever(w, leverage_cents)
    w.x._state.markets["XBTUSD"].set_mark(1_000_000)  # without the basis that funding gives it
    w.place(1, BUY if side > 0 else SELL, 1_000, 20_000, "XBTUSD")
    w.place(2, SELL if side > 0 else BUY, 1_000, 20_000, "XBTUSD")
    view = view_of(w)
    assert view.liquidation_pico == pico(liquidation)
    assert view.pos_maint == (58_575 if side > 0 else 57_575)


def test_E12_quanto_seed_with_funding_pending() -> None:
    w = eth_world(ETHUSD, "500", XBT, funding_interval_ns=EIGHT_HOURS_NS)
    lever(w, 5_000, "ETHUSD")
    trade(w, "ETHUSD", 1, 10_000, 10_000)
    assert view_of(w, "ETHUSD").liquidation_pico == pico("495.05")


# --- shown prices


def test_E12_a_1x_inverse_short_shows_never_in_both_fields() -> None:
    w = two("10000", 10**8)
    lever(w, 100)
    trade(w, "XBTUSD", -1, 1_000, 20_000)
    view = view_of(w)
    assert view.pos_init == 10_000_000
    assert view.liquidation_pico == view.bankrupt_pico == 100_000_000 * PICO
    w.index(".BXBT", "900000")
    assert w.qty(1, "XBTUSD") == -1_000


def test_E12_a_price_over_the_highest_is_shown_as_never() -> None:
    w = two("10000", 10**8, max_price_ticks=22_000)  # 11,000
    trade(w, "XBTUSD", -1, 1_000, 20_000)
    assert view_of(w).bankrupt_pico == 100_000_000 * PICO


def test_E12_a_contract_may_show_these_prices_finer_than_its_ticks() -> None:
    w = two("10000", 10**6, bankrupt_tick_pico=10**10)
    lever(w, 10_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    view = view_of(w)
    assert view.liquidation_pico == pico("9950.25")  # 10,050 a contract: 9950.2487
    assert view.bankrupt_pico == pico("9901")
    w.index(".BXBT", "9950.26")
    assert w.qty(1, "XBTUSD") == 1_000
    w.index(".BXBT", "9950.25")
    assert w.qty(1, "XBTUSD") == 0


# --- isolated and cross


def test_E12_isolating_keeps_the_rate_of_the_risk_limit() -> None:
    w = two("10000", 10**8, init_margin_ppm=15_000, maint_margin_ppm=5_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    shown = view_of(w)
    assert (shown.cross_margin, shown.leverage_cents, shown.pos_init) == (True, 6_666, 150_000)
    w.ok(c.IsolateMargin(account=1, symbol="XBTUSD"))
    view = view_of(w)
    assert (view.cross_margin, view.leverage_cents, view.pos_init) == (False, 6_666, 150_000)
    w.ok(c.IsolateMargin(account=1, symbol="XBTUSD", enabled=False))
    assert view_of(w) == shown


def test_E12_isolating_what_is_isolated_keeps_its_leverage() -> None:
    w = two("10000", 10**8)
    lever(w, 2_500)
    w.ok(c.IsolateMargin(account=1, symbol="XBTUSD"))
    assert view_of(w).leverage_cents == 2_500


def test_E12_isolating_a_loser_that_would_be_liquidated_is_refused() -> None:
    w = two("10000", 10**7)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    w.index(".BXBT", "9900")
    command = c.IsolateMargin(account=1, symbol="XBTUSD")
    assert w.refused(command).reason is Reason.LEVERAGE_NEEDS_MARGIN
    lever(w, 1_000)


# --- transfers


def test_E12_transfers_move_margin_in_and_out_again() -> None:
    w = two("10000", 10**6)
    lever(w, 10_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    before, wallet = view_of(w), w.wallet(1)
    free = w.x.margin(1, "XBt").available

    w.ok(transfer(100_000))
    view = view_of(w)
    assert (view.pos_cross, view.pos_comm, view.pos_margin) == (100_000, 7_650, 207_650)
    # 10,150 a contract: 9852.2; 10,200: 9803.9
    assert (view.liquidation_pico, view.bankrupt_pico) == (pico("9852.5"), pico("9804"))
    assert w.wallet(1) == wallet
    assert w.x.margin(1, "XBt").available == free - 100_075

    refused = w.refused(transfer(-100_001))
    assert (refused.reason, refused.detail) == (Reason.MARGIN_BELOW_INITIAL, 100_000)
    w.ok(transfer(-100_000))
    assert view_of(w) == before


def test_E12_a_loss_is_not_taken_out_of_the_margin() -> None:
    w = two("10000", 10**6)
    lever(w, 10_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    w.ok(transfer(100_000))
    w.index(".BXBT", "9960")  # 10,040 a contract: 40,000 are lost
    refused = w.refused(transfer(-60_001))
    assert (refused.reason, refused.detail) == (Reason.MARGIN_BELOW_INITIAL, 60_000)
    w.ok(transfer(-60_000))


def test_E12_transfers_that_cannot_be_are_refused() -> None:
    w = two("10000", 10**6)
    assert w.refused(transfer(1)).reason is Reason.NO_POSITION
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    assert w.refused(transfer(1)).reason is Reason.POSITION_IS_CROSS
    lever(w, 10_000)
    for amount in (0, True):
        assert w.refused(transfer(amount)).reason is Reason.BAD_AMOUNT
    free = w.x.margin(1, "XBt").available
    refused = w.refused(transfer(free))  # its fee's reserve is more then
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    assert refused.detail == free + -(-(10_100_000 + free) * 750 // 10**6) - 7_575
    w.ok(transfer(free - 700))


def test_E12_crossing_gives_the_transfer_back() -> None:
    w = two("10000", 10**6)
    lever(w, 10_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    free = w.x.margin(1, "XBt").available
    w.ok(transfer(100_000))
    lever(w, 0)
    assert view_of(w).pos_cross == 0
    assert w.x.margin(1, "XBt").available == free


def test_E12_a_partial_close_gives_its_part_of_the_transfer_back() -> None:
    w = two("10000", 10**6)
    lever(w, 10_000)
    trade(w, "XBTUSD", 1, 1_000, 20_000)
    w.ok(transfer(100_001))
    trade(w, "XBTUSD", -1, 300, 20_000)
    view = view_of(w)
    assert (view.current_qty, view.pos_cross, view.pos_init) == (700, 70_001, 70_000)
