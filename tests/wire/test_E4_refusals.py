"""E4: the venue's own words for each refusal of an order."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.types import Mode, Reason
from sim_exchange.wire.texts import refusal
from tests.wire.desk import Desk


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason.DUPLICATE_CL_ORD_ID, "Duplicate clOrdID"),
        (Reason.UNKNOWN_SYMBOL, "Invalid symbol"),
        (Reason.BAD_QTY, "Invalid orderQty"),
        (Reason.BAD_PRICE, "Invalid price"),
        (Reason.ORDER_NOT_OPEN, "Invalid ordStatus"),
        (Reason.EXPIRED, "Instrument expired"),
        (Reason.NOT_LISTED_YET, "Instrument not listed for trading yet"),
        (Reason.NO_MARK_PRICE, "Instrument has no mark price"),
        (Reason.ACCOUNT_SUSPENDED, "Account is suspended"),
        (Reason.NO_FUNDS, "Account has no XBt"),
    ],
)
def test_E4_a_refusal_has_the_words_of_the_venue(reason: Reason, text: str) -> None:
    error = refusal(reason, 1, currency="XBt")

    assert (error.status, error.message, error.name) == (400, text, "HTTPError")


@pytest.mark.anyio
async def test_E4_an_account_that_is_suspended_or_bare_is_told_so() -> None:
    desk = Desk()
    body = {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": 0.0199}
    number = next(a.account_id for a in desk.exchange.accounts.values() if a.name == "alice")
    desk.session.submit(c.SetFlags(to_account=number, flags=("suspended",)))
    answer = await desk.call("POST", "/order", "alice", json_body=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Account is suspended")


@pytest.mark.anyio
async def test_E17_cancel_all_in_a_halt_is_refused_not_passed_over() -> None:
    desk = Desk()
    await desk.place("alice", orderQty=1, price=0.0199)
    desk.session.submit(c.SetMode(symbol="ETC7D", mode=Mode.HALT))
    answer = await desk.call("DELETE", "/order/all", "alice")
    assert answer.status_code == 400
    assert answer.json()["error"] == {"message": "Market is not open", "name": "ValidationError"}
    desk.session.submit(c.SetMode(symbol="ETC7D", mode=Mode.CANCEL_ONLY))
    (row,) = await desk.ok("DELETE", "/order/all", "alice")
    assert row["ordStatus"] == "Canceled"
