"""E0: whatever is not a whole number of units is refused at the door, and leaves no trace."""

from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.types import OrdType, Reason
from tests.core.world import BUY, SELL, World, order, world

P = 20_000
NUMBERS: tuple[Any, ...] = (
    float("nan"),
    float("inf"),
    float("-inf"),
    1.0,
    0.5,
    "1",
    "NaN",
    True,
    False,
    0,
    -1,
    -(10**30),
)


@pytest.fixture
def w() -> World:
    """One account that rests an order, and one that has nothing to do with it."""
    made = world()
    made.account("a", XBt=10**10)
    made.account("b", XBt=10**10)
    made.place(1, BUY, 10, P)
    return made


@pytest.mark.parametrize("value", [*NUMBERS, 10**30])
def test_E0_no_order_of_a_quantity_or_price_that_is_no_count(w: World, value: Any) -> None:
    assert w.refused(order(2, BUY, value, P)).reason is Reason.BAD_QTY
    assert w.refused(order(2, BUY, 1, value)).reason is Reason.BAD_PRICE
    stop = c.PlaceOrder(
        account=2, symbol="ETC7D", side=SELL, ord_type=OrdType.STOP, order_qty=1, stop_px=value
    )
    assert w.refused(stop).reason is Reason.BAD_STOP_PX


@pytest.mark.parametrize("value", [one for one in NUMBERS if one != 0 or one is False])
def test_E0_no_amend_to_what_is_no_count(w: World, value: Any) -> None:
    (resting,) = w.x.open_orders(1)
    for fields in ({"price": value}, {"order_qty": value}, {"leaves_qty": value}):
        command = c.AmendOrder(account=1, order_id=resting.order_id, **fields)
        assert w.refused(command).reason in {Reason.BAD_PRICE, Reason.BAD_QTY}


@pytest.mark.parametrize("value", NUMBERS)
def test_E0_no_money_that_is_no_count_of_minor_units(w: World, value: Any) -> None:
    deposit = c.Deposit(to_account=1, currency="XBt", amount=value)
    assert w.refused(deposit).reason is Reason.BAD_AMOUNT
    fund = c.DepositFund(currency="XBt", amount=value)
    assert w.refused(fund).reason is Reason.BAD_AMOUNT


@pytest.mark.parametrize("value", NUMBERS)
def test_E9_a_print_that_is_no_price_is_no_data(value: Any) -> None:
    w = world("0.02", spot=False)
    w.ok(c.IndexPrints(index=".ETCXBT", prices=(value,) * 3))
    w.advance(5 * 10**9)
    assert w.x.indices[".ETCXBT"].price == 2_000_000
    w.advance(15 * 60 * 10**9)
    assert w.x.indices[".ETCXBT"].stale


def test_E0_quantities_are_whole_lots() -> None:
    w = world(spot=False)
    w.enlist(w.x.markets["ETC7D"].spec, symbol="LOTS", lot_size=100)
    a = w.account("a", XBt=10**12)
    refused = w.refused(order(a, BUY, 150, P, "LOTS"))
    assert (refused.reason, refused.text) == (
        Reason.QTY_NOT_LOT,
        "quantity 150 is not a multiple of 100",
    )
    resting = w.place(a, BUY, 200, P, "LOTS")
    for changed in ({"order_qty": 250}, {"leaves_qty": 150}):
        fields: dict[str, Any] = dict(changed)
        command = c.AmendOrder(account=a, order_id=resting.order_id, **fields)
        assert w.refused(command).reason is Reason.QTY_NOT_LOT
    assert w.refused(order(a, BUY, 200, P, "LOTS", display=50)).reason is Reason.BAD_DISPLAY_QTY


def test_E0_no_listing_with_a_number_that_is_no_integer() -> None:
    w = world(spot=False)
    spec = w.x.markets["ETC7D"].spec
    whole = [name for name in spec.__struct_fields__ if type(getattr(spec, name)) is int]
    assert len(whole) > 15
    for name in whole:
        broken = msgspec.structs.replace(spec, symbol="NEW", **{name: float("nan")})
        refused = w.refused(c.ListInstrument(spec=broken))
        assert refused.reason in {Reason.BAD_INSTRUMENT, Reason.ALREADY_LISTED}, name
