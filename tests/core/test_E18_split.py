"""E18: a coin splits. Old contracts count both versions, balances are credited in the new coin."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated, WalletChanged
from sim_exchange.core.specs import OptionTerms
from sim_exchange.core.types import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Cause,
    MarkMethod,
    Mode,
    Reason,
    SettlementKind,
)
from tests.core.contracts_world import FREE, UP
from tests.core.world import BUY, SELL, START_NS, WEEK_NS, XBT, XBTUSD, World, composite

EXPIRY_NS = START_NS + WEEK_NS
FEW_NS = 6 * SECOND_NS


def versions(start_ns: int = START_NS) -> World:
    """XBTUSD on .BXBT of two venues, and the index .BCH of the other version on one of them."""
    w = World(start_ns)
    w.ok(c.ListIndex(spec=composite(".BXBT", ("BITSTAMP", "GDAX"), decimals=2)))
    w.ok(c.ListIndex(spec=composite(".BCH", ("BITSTAMP", "GDAX"), decimals=2)))
    prints(w, ".BXBT", 2_500, 2_510)
    prints(w, ".BCH", 250, 0)  # only one venue lists it so far
    w.advance(FEW_NS)
    w.enlist(XBTUSD, listing_ns=w.now, expiry_ns=EXPIRY_NS, **FREE)
    return w


def prints(w: World, index: str, *dollars: int) -> None:
    """Let the venues print; 0 is no print."""
    w.ok(c.IndexPrints(index=index, prices=tuple(price * 10**12 for price in dollars)))


def test_E18_a_contract_listed_before_is_marked_on_the_sum_of_the_indices() -> None:
    w = versions()
    assert (w.x.indices[".BXBT"].price, w.x.indices[".BCH"].price) == (250_500, 25_000)
    market = w.x.markets["XBTUSD"]
    assert market.mark == 250_500
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))
    assert market.mark == market.index_price == 275_500

    prints(w, ".BCH", 250, 270)  # the other venue lists it too
    w.advance(FEW_NS)
    assert market.mark == 276_500


def test_E18_it_settles_on_the_sum_of_the_means_each_rounded_first() -> None:
    w = versions(EXPIRY_NS - HOUR_NS)
    w.checked = False
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))
    for minute in range(1, 61):
        w.now = EXPIRY_NS - HOUR_NS + minute * MINUTE_NS
        prints(w, ".BXBT", 2_500, 2_510 if minute < 60 else 2_520)
        prints(w, ".BCH", 250, 250 if minute < 60 else 270)
        w.advance()
    # Means 2,505.1666... and 250.3333...: 2,505.17 + 250.33.
    assert w.x.markets["XBTUSD"].settled_price == 250_517 + 25_033


def test_E18_a_contract_listed_after_the_split_refers_to_one_version() -> None:
    w = versions()
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))
    w.enlist(XBTUSD, symbol="XBTZ17", listing_ns=w.now)
    assert w.x.markets["XBTZ17"].mark == 250_500
    assert w.x.markets["XBTUSD"].mark == 275_500
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))  # the same again adds nothing to the old one
    assert w.x.markets["XBTUSD"].mark == 275_500


def test_E18_a_contract_may_be_listed_on_a_sum() -> None:
    w = versions()
    w.enlist(
        XBTUSD,
        symbol="XBTZ17",
        listing_ns=w.now,
        settlement_kind=SettlementKind.SUM,
        settlement_sum=(".BXBT", ".BCH"),
    )
    assert w.x.markets["XBTZ17"].mark == 275_500
    unknown = msgspec.structs.replace(
        XBTUSD,
        symbol="XBTX",
        settlement_kind=SettlementKind.SUM,
        settlement_sum=(".BXBT", ".BTG"),
    )
    refused = w.refused(c.ListInstrument(spec=unknown))
    assert refused.text == "settlement_sum .BTG is not a listed index"


def test_E18_an_up_listed_before_pays_by_the_sum() -> None:
    w = versions()
    w.enlist(UP, listing_ns=w.now, option=OptionTerms(call=True, strike_pico=2_500 * 10**12))
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))
    w.ok(c.ExpireNow(symbol=UP.symbol))
    assert w.x.markets[UP.symbol].settled_price == 10_000_000 * 255 // 2_755


def test_E18_the_perpetual_switches_its_index_at_an_instant() -> None:
    w = versions()
    w.ok(c.ListIndex(spec=composite(".XBT", decimals=2)))
    w.index(".XBT", "2490")
    w.ok(c.SetReference(symbol="XBTUSD", reference_symbol=".XBT"))
    assert w.x.markets["XBTUSD"].mark == 249_000
    assert w.x.markets["XBTUSD"].spec.reference_symbol == ".XBT"


def test_E18_until_there_are_indices_contracts_go_by_their_last_price() -> None:
    w = versions()
    market = w.x.markets["XBTUSD"]
    w.ok(
        c.SetReference(
            symbol="XBTUSD", reference_symbol=".BXBT", mark_method=MarkMethod.LAST_PROTECTED
        )
    )
    assert market.mark == market.spec.opening_reference == 250_500  # the mark of that instant
    assert market.spec.mark_method is MarkMethod.LAST_PROTECTED


# --- balances


def traders(w: World, *coins: float) -> list[int]:
    """Accounts with so many coins."""
    return [w.account(f"u{i}", XBt=round(each * XBT)) for i, each in enumerate(coins)]


def unrealised(w: World, long: int, short: int, dollars: int, mark: int) -> None:
    """Let ``long`` and ``short`` trade so many contracts at 2,505, then move the mark."""
    w.place(short, SELL, dollars, 5_010, "XBTUSD")
    w.place(long, BUY, dollars, 5_010, "XBTUSD")
    w.ok(c.IndexPrints(index=".BXBT", prices=(mark * 10**10,) * 2))
    w.advance(FEW_NS)


def test_E18_the_snapshot_credits_the_margin_balance() -> None:
    w = versions()
    a, b = traders(w, 2.0, 5.0)
    # v(2505) = 39,920; the long loses 30,000,000 where v = 41,920: 10,000 and 15,000 contracts.
    unrealised(w, a, b, 15_000, 238_549)
    loss = w.x.margin(a, "XBt").unrealised_pnl
    assert loss == -30_000_000
    w.ok(c.TakeSnapshot(currency="XBt", coin="BCH"))
    assert w.wallet(a, "BCH") == 170_000_000
    assert w.wallet(b, "BCH") == 530_000_000
    assert w.wallet(a) == 200_000_000  # the coins of the major version stay
    told = [e for e in w.of(WalletChanged) if e.currency == "BCH"]  # type: ignore[attr-defined]
    assert {e.cause for e in told} == {Cause.SPLIT}  # type: ignore[attr-defined]
    assert w.x._state.snapshots["BCH"].credited == 700_000_000
    w.x.check()


def test_E18_negative_balances_count_as_0_and_the_rest_is_scaled() -> None:
    w = versions()
    a, b = traders(w, 1.0, 1.0)
    w.place(b, SELL, 15_000, 5_010, "XBTUSD")
    w.place(a, BUY, 15_000, 5_010, "XBTUSD")
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.CANCEL_ONLY))  # marks move, nobody is liquidated
    w.ok(c.IndexPrints(index=".BXBT", prices=(200_321 * 10**10,) * 2))
    w.advance(FEW_NS)
    assert w.x.margin(a, "XBt").unrealised_pnl == -150_000_000
    w.ok(c.TakeSnapshot(currency="XBt", coin="BCH"))
    assert w.wallet(a, "BCH") == 0
    assert w.wallet(b, "BCH") == 200_000_000


def test_E18_liquidations_run_at_the_mark_of_the_snapshot_first() -> None:
    w = versions()
    a, b = traders(w, 0.2, 5.0)
    w.place(b, SELL, 15_000, 5_010, "XBTUSD")
    w.place(a, BUY, 15_000, 5_010, "XBTUSD")
    w.ok(c.IndexPrints(index=".BXBT", prices=(2_300 * 10**12,) * 2))
    w.now += FEW_NS
    w.ok(c.TakeSnapshot(currency="XBt", coin="BCH"))
    assert w.of(Liquidated)
    assert w.qty(a, "XBTUSD") == 0
    # The engine holds what was taken over, at a loss: users are owed no more than their wallets.
    assert w.wallet(a, "BCH") + w.wallet(b, "BCH") <= w.wallet(a) + w.wallet(b)


def test_E18_the_minor_coin_can_not_be_deposited_unless_that_is_said() -> None:
    w = versions()
    (a,) = traders(w, 1.0)
    w.ok(c.TakeSnapshot(currency="XBt", coin="BCH"))
    refused = w.refused(c.Deposit(to_account=a, currency="BCH", amount=5))
    assert refused.reason is Reason.NO_DEPOSITS
    w.ok(c.TakeSnapshot(currency="XBt", coin="BTG", deposits=True))
    w.ok(c.Deposit(to_account=a, currency="BTG", amount=5))
    assert w.wallet(a, "BTG") == XBT + 5


@pytest.mark.parametrize(
    ("currency", "coin"),
    [("XBt", ""), ("XBt", "XBt"), ("XBt", "BCH"), ("XBt", "ETC"), ("DOGE", "BTG")],
)
def test_E18_a_snapshot_needs_a_new_coin(currency: str, coin: str) -> None:
    w = versions()
    traders(w, 1.0)
    w.account("has coins", ETC=1)
    w.ok(c.TakeSnapshot(currency="XBt", coin="BCH"))
    refused = w.refused(c.TakeSnapshot(currency=currency, coin=coin))
    assert refused.reason is Reason.BAD_SNAPSHOT


def test_E18_a_split_needs_two_indices() -> None:
    w = versions()
    for index, other, reason in (
        (".X", ".BCH", Reason.UNKNOWN_SYMBOL),
        (".BXBT", ".X", Reason.UNKNOWN_SYMBOL),
        (".BXBT", ".BXBT", Reason.BAD_INSTRUMENT),
    ):
        assert w.refused(c.SplitChain(index=index, other=other)).reason is reason
