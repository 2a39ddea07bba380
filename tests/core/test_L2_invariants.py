"""L1, L2: what must always hold, and what happens when it does not."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Posted
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import Reason
from sim_exchange.errors import CoreError, InvariantError
from tests.core.world import BUY, SELL, START_NS, World, inverse_world, order, world


def test_L2_ledger_walk() -> None:
    w = inverse_world("10000")
    a, b = w.account("a", XBt=10**8), w.account("b", XBt=10**8)
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    assert (w.wallet(a), w.wallet(b)) == (10**8 - 7_500, 10**8 + 2_500)

    w.index(".BXBT", "10100")
    assert w.x.position(a, "XBTUSD").unrealised_pnl == 99_000  # type: ignore[union-attr]
    assert w.x.position(b, "XBTUSD").unrealised_pnl == -99_000  # type: ignore[union-attr]

    w.place(b, BUY, 1_000, 20_200, "XBTUSD")
    w.place(a, SELL, 1_000, 20_200, "XBTUSD")
    assert (w.wallet(a), w.wallet(b), w.fees()) == (100_084_074, 99_905_975, 9_951)
    assert w.wallet(a) + w.wallet(b) + w.fees() == 200_000_000


def test_L1_every_posting_sums_to_zero_and_opening_moves_no_cash() -> None:
    w = inverse_world("10000", maker_fee_ppm=0, taker_fee_ppm=0)
    a, b = w.account("a", XBt=10**8), w.account("b", XBt=10**8)
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    assert w.of(Posted) == []
    w.place(b, BUY, 1_000, 20_200, "XBTUSD")
    w.place(a, SELL, 1_000, 20_200, "XBTUSD")
    posted = w.of(Posted)
    assert posted
    assert all(sum(amount for _, amount in e.entries) == 0 for e in posted)  # type: ignore[attr-defined]


def broken(w: World) -> None:
    """Make a satoshi out of nothing."""
    w.x._state.ledger.balances["XBt"]["user:1:wallet"] += 1


def test_L2_a_planted_satoshi_is_found_and_stops_the_exchange() -> None:
    w = world(spot=False)
    a = w.account("a", XBt=10**8)
    broken(w)
    with pytest.raises(InvariantError, match="sums to 1"):
        w.x.check()
    with pytest.raises(CoreError, match="stopped"):
        w.x.apply(order(a, BUY, 1, 20_000), w.now)


@pytest.mark.parametrize("field", ["qty", "cost", "trade_pnl", "buy_value", "reducing"])
def test_L2_a_planted_fault_in_a_position_is_found(field: str) -> None:
    w = world(spot=False)
    a, b = w.account("a", XBt=10**9), w.account("b", XBt=10**9)
    w.place(a, BUY, 10, 20_000)
    w.place(b, SELL, 5, 20_000)
    position = w.x._state.accounts[a].positions["ETC7D"]
    setattr(position, field, getattr(position, field) + 1)
    with pytest.raises(InvariantError):
        w.x.check()


def test_L2_a_planted_fault_in_the_book_is_found() -> None:
    w = world(spot=False)
    a = w.account("a", XBt=10**9)
    resting = w.place(a, BUY, 10, 20_000)
    resting.leaves_qty -= 1
    with pytest.raises(InvariantError):
        w.x.check()


def test_time_does_not_go_back() -> None:
    w = world(spot=False)
    with pytest.raises(CoreError, match="before"):
        w.x.apply(c.Advance(), w.now - 1)
    with pytest.raises(CoreError, match="stopped"):
        w.x.apply(c.Advance(), w.now)


def test_section_12_bad_input_of_operators_changes_nothing() -> None:
    w = world()
    a = w.account("a", XBt=10**9)
    for command, reason in (
        (c.Deposit(to_account=9, currency="XBt", amount=1), Reason.UNKNOWN_ACCOUNT),
        (c.Deposit(to_account=0, currency="XBt", amount=1), Reason.UNKNOWN_ACCOUNT),
        (c.Deposit(to_account=a, currency="XBt", amount=0), Reason.BAD_AMOUNT),
        (c.Deposit(to_account=a, currency="XBt", amount=-5), Reason.BAD_AMOUNT),
        (c.Deposit(to_account=a, currency="", amount=5), Reason.BAD_AMOUNT),
        (c.DepositFund(currency="XBt", amount=0), Reason.BAD_AMOUNT),
        (c.IndexPrints(index=".NONE", prices=(1,)), Reason.UNKNOWN_SYMBOL),
        (c.IndexPrints(index=".ETCXBT", prices=(1,)), Reason.BAD_PRICE),
        (
            c.SetConstituent(index=".ETCXBT", constituent="Z", status="silent"),
            Reason.UNKNOWN_SYMBOL,
        ),
        (c.SetConstituent(index=".ETCXBT", constituent="A", status="x"), Reason.BAD_INSTRUMENT),
        (c.ListIndex(spec=IndexSpec(symbol=".ETCXBT")), Reason.BAD_INSTRUMENT),
        (c.CancelAllAfter(account=99, timeout_ns=1), Reason.UNKNOWN_ACCOUNT),
        (c.AmendOrder(account=99, order_id=1, price=1), Reason.UNKNOWN_ACCOUNT),
    ):
        assert w.refused(command).reason is reason, command


def test_an_exchange_with_nothing_in_it_passes_its_days() -> None:
    x = Exchange(START_NS, audits=True)
    for _ in range(4):
        due = x.next_due_ns()
        assert due is not None
        assert x.apply(c.Advance(), due) == ()
    assert x.now_ns == START_NS + 2 * 24 * 3600 * 10**9
