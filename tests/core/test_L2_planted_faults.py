"""L2: each invariant sees a fault of one unit that is planted in the state."""

from collections.abc import Callable

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.orders.account import Position
from sim_exchange.core.risk.state import Snapshot, State
from sim_exchange.core.treasury.ledger import EXTERNAL, FEES, FUND, clearing, settlement
from sim_exchange.core.types import HOUR_NS, ExecInst, MarkMethod, OrdType
from sim_exchange.core.types import State as Listing
from sim_exchange.errors import CoreError, InvariantError
from tests.core.test_E13_liquidation import at_100x
from tests.core.world import BUY, SELL, XBT, World, cents_world, order, world

ETC = 10**8
P, S = 20_000, "ETC_XBT"
RICH, OTHER, THIN, LENDER, BORROWER = 1, 2, 3, 4, 5


@pytest.fixture
def w() -> World:
    """Positions, resting orders, a fund that was fed by a takeover, and a loan with interest."""
    made = world()
    made.account("rich", XBt=100 * XBT, ETC=100 * ETC)
    made.account("other", XBt=100 * XBT)
    made.account("thin", XBt=12_000_000)
    made.account("lender", ETC=1_000 * ETC)
    made.account("borrower", XBt=100 * XBT)
    made.ok(c.DepositFund(currency="XBt", amount=1_000))
    made.place(RICH, SELL, 100, P)
    made.place(THIN, BUY, 100, P)
    made.place(RICH, BUY, 100, 19_200)
    made.index(".ETCXBT", "0.0193")  # thin is taken over, and sold above its bankruptcy
    assert made.x.fund("XBt") > 1_000
    made.place(OTHER, BUY, 50, 19_400)
    made.place(RICH, SELL, 30, 19_400)
    made.ok(c.OfferLoans(account=LENDER, currency="ETC", offers=((900 * ETC, 10**9),)))
    made.place(OTHER, BUY, 50 * ETC, 1_930_000, S)
    made.place(BORROWER, SELL, 40 * ETC, None, S)
    made.place(BORROWER, SELL, 20 * ETC, 1_940_000, S)
    made.advance(600 * 10**9)
    made.place(RICH, SELL, ETC, 1_935_000, S)
    made.place(BORROWER, BUY, ETC, 1_935_000, S)
    return made


def move(state: State, currency: str, source: str, target: str) -> None:
    """Move one unit of money past all the rules; the ledger still sums to 0."""
    balances = state.ledger.balances[currency]
    balances[source] = balances.get(source, 0) - 1
    balances[target] = balances.get(target, 0) + 1


def l2_1(state: State) -> None:
    state.ledger.balances["XBt"]["user:1:wallet"] += 1


def l2_2(state: State) -> None:
    state.accounts[OTHER].positions["ETC7D"].qty += 1


def l2_2_open_interest(state: State) -> None:
    state.markets["ETC7D"].open_interest += 1


def l2_3(state: State) -> None:
    state.accounts[OTHER].positions["ETC7D"].cost += 1


def l2_4(state: State) -> None:
    move(state, "XBt", "user:1:wallet", clearing("ETC7D"))


def l2_4_pnl(state: State) -> None:
    position = state.accounts[RICH].positions["ETC7D"]
    position.cost += 1
    position.trade_pnl += 1
    move(state, "XBt", "user:1:wallet", clearing("ETC7D"))


def l2_5(state: State) -> None:
    state.funding_kept["XBt"] = state.funding_kept.get("XBt", 0) + 1


def l2_5_told(state: State) -> None:
    state.funding_told["XBt"] = state.funding_told.get("XBt", 0) - 1


def l2_6(state: State) -> None:
    state.markets["ETC7D"].state = Listing.SETTLED


def l2_6_reserve(state: State) -> None:
    move(state, "XBt", "user:1:wallet", settlement("ETC7D"))


def l2_7(state: State) -> None:
    short = state.ledger.balance("XBt", "user:3:wallet")
    state.ledger.balances["XBt"]["user:3:wallet"] = -1
    state.ledger.balances["XBt"][EXTERNAL] += short + 1


def l2_7_fund(state: State) -> None:
    fund = state.ledger.balance("XBt", FUND)
    state.ledger.balances["XBt"][FUND] = -1
    state.ledger.balances["XBt"][EXTERNAL] += fund + 1


def l2_8_quote(state: State) -> None:
    state.accounts[OTHER].held["XBt"] += 1


def l2_8_order(state: State) -> None:
    order = state.accounts[BORROWER].open_orders()[0]
    order.held_quote -= 1


def l2_8_reserved(state: State) -> None:
    order = state.accounts[BORROWER].open_orders()[0]
    order.reserved += 1


def l2_9(state: State) -> None:
    state.accounts[OTHER].open_orders()[0].leaves_qty -= 1


def l2_9_level(state: State) -> None:
    book = state.markets["ETC7D"].book
    next(iter(book.bids.by_price.values())).size += 1


def l2_9_lot(state: State) -> None:
    market = state.markets["ETC7D"]
    market.spec = msgspec.structs.replace(market.spec, lot_size=7)


def l2_9_band(state: State) -> None:
    """The band is one tick lower than the bid that rests."""
    market = state.markets["ETC7D"]
    market.limit_down, market.limit_up = 1, 19_399


def l2_9_crossed(state: State) -> None:
    """An ask rests at the best bid, as if nobody had matched it."""
    order = state.accounts[BORROWER].open_orders()[0]
    bid = next(o for o in state.accounts[OTHER].open_orders() if o.symbol == S)
    state.markets[S].book.remove(order)
    order.price = bid.price
    state.markets[S].book.add(order)


def l2_9_value(state: State) -> None:
    state.accounts[OTHER].positions["ETC7D"].buy_value += 1


def l2_10(state: State) -> None:
    move(state, "XBt", "user:1:wallet", FEES)


def l2_10_interest(state: State) -> None:
    move(state, "ETC", FEES, "user:1:wallet")


def l2_10_told(state: State) -> None:
    state.commissions["XBt"] -= 1


def l2_10_schedule(state: State) -> None:
    market = state.markets["ETC7D"]
    market.maker_ppm = -market.taker_ppm - 1


def l2_11_principal(state: State) -> None:
    next(iter(state.desk._by_id.values())).principal += 1


def l2_11_lent(state: State) -> None:
    state.desk._lent[LENDER, "ETC"] -= 1


def l2_11_interest(state: State) -> None:
    state.desk._to_lenders["ETC"] += 1


def l2_11_reserved(state: State) -> None:
    state.desk._reserved_of[LENDER, "ETC"] += 1


def l2_12(state: State) -> None:
    move(state, "XBt", FUND, "user:1:wallet")


def l2_12_realised(state: State) -> None:
    state.engine_pnl["XBt"] += 1


def l2_12_engine(state: State) -> None:
    move(state, "XBt", "user:1:wallet", "engine:liquidation")


def l2_13(state: State) -> None:
    """The engine holds a contract that no order of its offers."""
    engine = state.engine.position(state.markets["ETC7D"])
    engine.qty += 1
    state.accounts[OTHER].positions["ETC7D"].qty -= 1
    market = state.markets["ETC7D"]
    market.longs = sum(max(0, one.qty) for one in state.positions_in(market))
    market.shorts = market.open_interest = market.longs


def l2_14(state: State) -> None:
    state.snapshots["ECC"] = Snapshot("XBt", state.now_ns, 101, 100)


def terms_moved_in(state: State) -> None:
    state.accounts[OTHER].positions["ETC7D"].pos_cross += 1


def terms_limit(state: State) -> None:
    state.accounts[OTHER].positions["ETC7D"].risk_limit += 1


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (l2_1, "ledger of XBt sums to 1"),
        (l2_2, "L2-2"),
        (l2_2_open_interest, "L2-2"),
        (l2_3, "L2-3"),
        (l2_4, "L2-4"),
        (l2_4_pnl, "L2-4"),
        (l2_5, "L2-5"),
        (l2_5_told, "L2-5"),
        (l2_6, "L2-6"),
        (l2_6_reserve, "L2-6"),
        (l2_7, "L2-7"),
        (l2_7_fund, "L2-7"),
        (l2_8_quote, "L2-8"),
        (l2_8_order, "L2-8"),
        (l2_8_reserved, "L2-8"),
        (l2_9, "orders are worth"),
        (l2_9_level, "level"),
        (l2_9_value, "orders are worth"),
        (l2_9_lot, "L2-9"),
        (l2_9_band, "L2-9"),
        (l2_9_crossed, "crossed"),
        (l2_10, "L2-10"),
        (l2_10_interest, "L2-10"),
        (l2_10_told, "L2-10"),
        (l2_10_schedule, "L2-10"),
        (l2_11_principal, "principal"),
        (l2_11_lent, "principal"),
        (l2_11_interest, "interest in ETC"),
        (l2_11_reserved, "reserved"),
        (l2_12, "L2-12"),
        (l2_12_realised, "L2-12"),
        (l2_12_engine, "L2-12"),
        (l2_13, "L2-12 ETC7D"),
        (l2_14, "L2-14"),
        (terms_moved_in, "1 moved in"),
        (terms_limit, "risk limit"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_L2_one_unit_is_found_and_stops_the_exchange(
    w: World, plant: Callable[[State], None], found: str
) -> None:
    w.x.check()
    plant(w.x._state)

    with pytest.raises(InvariantError, match=found):
        w.x.check()
    with pytest.raises(CoreError, match="stopped"):
        w.x.apply(c.Advance(), w.now)


def test_L2_8_an_order_that_was_taken_in_uncovered_is_found() -> None:
    w = world(spot=False)
    a = w.account("a", XBt=11_025_000)  # exactly what 100 contracts at 0.02 hold
    w.place(a, BUY, 100, P)
    assert w.x.margin(a, "XBt").available == 0

    move(w.x._state, "XBt", f"user:{a}:wallet", EXTERNAL)

    with pytest.raises(InvariantError, match=r"L2-8.* -1 XBt"):
        w.x.check()


@pytest.mark.parametrize("stop", [False, True])
def test_L2_8_is_looked_at_before_a_last_price_mark_moves_or_a_trigger_lets_in(
    monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    """100 contracts at 100.00 hold a hundredth of a coin: who has less and is let in is found."""
    w = cents_world(mark_method=MarkMethod.LAST, opening_reference=100_00)
    poor, rich = w.account("poor", XBt=10**6 - 10), w.account("rich", XBt=10**10)
    w.place(rich, SELL, 1_000, 100_00, "TSTM18")
    if stop:
        w.ok(
            c.PlaceOrder(
                account=rich, symbol="TSTM18", side=BUY, order_qty=1, ord_type=OrdType.STOP_LIMIT,
                price=90_00, stop_px=100_00, exec_inst=ExecInst.LAST_PRICE,
            )
        )  # fmt: skip
    w.refused(order(poor, BUY, 100, 100_00, "TSTM18"))
    monkeypatch.setattr("sim_exchange.core.risk.planning.holds_one_more", lambda *_: True)

    with pytest.raises(InvariantError, match=r"L2-8.* -10 XBt .* matched 1 times"):
        w.do(order(poor, BUY, 100, 100_00, "TSTM18"))


def test_L2_8_what_a_last_price_mark_will_follow_is_no_loss() -> None:
    """A buy 10 % beyond the mark for the margin alone: the mark goes with it (E5, E7)."""
    w = cents_world(mark_method=MarkMethod.LAST, opening_reference=100_00)
    a, rich = w.account("a", XBt=1_100_000), w.account("rich", XBt=10**10)
    w.place(rich, SELL, 1_000, 110_00, "TSTM18")
    w.place(a, BUY, 100, 110_00, "TSTM18")

    assert (w.qty(a, "TSTM18"), w.x.margin(a, "XBt").available) == (100, 0)
    assert w.x.markets["TSTM18"].mark == 110_00


def bend(position: Position, field: str = "qty") -> None:
    """Let a position take in one more of something than each match is of."""

    class Bent(type(position)):  # type: ignore[misc]
        __slots__ = ()

        def trade(self, side: int, qty: int, cost: int) -> int:
            pnl = super().trade(side, qty, cost)
            setattr(self, field, getattr(self, field) + 1)
            return int(pnl)

    position.__class__ = Bent


@pytest.mark.parametrize("field", ["cost", "qty"])
def test_L2_2_and_3_are_verified_match_by_match(w: World, field: str) -> None:
    """A position that takes in more than the match is caught by the match itself."""
    position = w.x._state.accounts[OTHER].positions["ETC7D"]
    bend(position, field)
    with pytest.raises(InvariantError, match=r"costs .* do not cancel|longs .* and shorts"):
        w.x.apply(order(RICH, SELL, 1, 19_400), w.now)


def test_L2_12_is_verified_at_the_takeover(w: World) -> None:
    bare = w.account("bare", XBt=13_000_000)
    w.place(OTHER, SELL, 100, 19_500)
    w.place(bare, BUY, 100, 19_500)
    position = w.x._state.accounts[bare].positions["ETC7D"]
    bend(position)
    w.print(".ETCXBT", "0.017")
    w.now -= w.now % (5 * 10**9)
    with pytest.raises(InvariantError, match="L2-12"):
        w.x.apply(c.Advance(), w.now + 5 * 10**9)


def test_L2_5_is_verified_at_the_funding(w: World) -> None:
    """A rounding of one side in its favour leaves more than half a unit a holder."""
    held = [w.account(name, XBt=XBT) for name in ("a", "b")]
    perpetual = msgspec.structs.replace(
        w.x.markets["ETC7D"].spec, symbol="ETCXBT", expiry_ns=None, funding_interval_ns=8 * HOUR_NS
    )
    w.ok(c.ListInstrument(spec=perpetual))
    w.place(held[0], BUY, 3, 19_300, "ETCXBT")
    w.place(held[1], SELL, 3, 19_300, "ETCXBT")
    w.x._state.accounts[held[0]].positions["ETCXBT"].qty = 6

    with pytest.raises(InvariantError, match="L2-5 ETCXBT: 2 holders leave"):
        w.x.apply(c.FundNow(symbol="ETCXBT"), w.now)


def test_L2_13_is_verified_at_the_deleveraging() -> None:
    """A victim that keeps one contract more than it should is caught at once."""
    w = at_100x(1)
    position = w.x._state.accounts[OTHER].positions["XBTUSD"]
    bend(position)
    with pytest.raises(InvariantError, match="L2-13"):
        w.index(".BXBT", "9000")


def test_L2_the_audit_names_every_invariant_of_a_state(w: World) -> None:
    """All but 15, which is of runs: see test_L2_15_... and the digest of the journal."""
    checked = w.x.check()
    numbers = {line.split()[0] for line in checked}
    assert numbers == {f"L2-{n}" for n in range(1, 15)}
    assert len(checked) == len(set(checked))
    assert "L2-2 longs equal shorts: ETC7D" in checked
