"""E4: orders that wait for a trigger are amended beside orders that rest."""

from sim_exchange.core import commands as c
from sim_exchange.core.types import OrdType, Side
from tests.core.world import XBT, inverse_world


def test_E4_a_stop_and_a_resting_order_are_amended_in_one_command() -> None:
    w = inverse_world()
    trader = w.account("trader", XBt=10 * XBT)
    resting = w.place(trader, Side.BUY, 100, 19_000, "XBTUSD")
    waiting = w.x.orders[
        w.ok(
            c.PlaceOrder(
                account=trader,
                symbol="XBTUSD",
                side=Side.SELL,
                ord_type=OrdType.STOP,
                order_qty=100,
                stop_px=18_000,
            )
        )
    ]

    w.do(
        c.AmendBulk(
            account=trader,
            amends=(
                c.AmendOrder(account=trader, order_id=resting.order_id, price=19_100),
                c.AmendOrder(account=trader, order_id=waiting.order_id, leaves_qty=50),
            ),
        )
    )

    assert (resting.price, waiting.leaves_qty) == (19_100, 50)
