"""What a run begins with, as the venues tell it."""

import pytest
from msgspec import structs

from mmbot.app.trading import opening_of
from mmbot.app.wiring import Market
from mmbot.books.parts import Opening
from mmbot.types import PositionSeen, WalletSeen
from tests.bot.instruments import COIN, ETC7D, ETC_XBT

pytestmark = pytest.mark.anyio

MARKET = Market(
    contract=ETC7D,
    spot=ETC_XBT,
    spot_symbol="ETC_XBT",
    index_symbol=".ETCXBT",
    lending_symbol="",
    hedge_venue="main",
)


class Holder:
    """A venue where the account holds something."""

    def __init__(self, *wallets: WalletSeen, position: PositionSeen | None = None) -> None:
        self._wallets = wallets
        self._positions = [] if position is None else [position]

    async def wallets(self) -> list[WalletSeen]:
        return list(self._wallets)

    async def positions(self) -> list[PositionSeen]:
        return self._positions


def coins(amount, **owed):
    return WalletSeen(at_ns=0, currency="ETC", amount=amount, **owed)


async def test_coins_that_were_never_traded_are_there_without_a_row():
    venue = Holder(WalletSeen(at_ns=0, currency="XBt", amount=10), coins(500 * COIN))

    assert await opening_of(venue, venue, MARKET) == Opening(coins=500 * COIN)


async def test_a_position_and_the_loan_of_its_hedge():
    held = PositionSeen(at_ns=0, symbol="ETC7D", qty=300, cost=603_000_000)
    venue = Holder(coins(0, borrowed=300 * COIN, interest_owed=7), position=held)

    opening = await opening_of(venue, venue, MARKET)

    assert opening == Opening(
        position=300, cost=603_000_000, coins=-300 * COIN - 7, interest_owed=7
    )


async def test_coins_count_where_the_hedge_is_and_only_when_there_is_one():
    main, hedge = Holder(coins(5)), Holder(coins(3))

    assert await opening_of(main, hedge, MARKET) == Opening(coins=3)
    unhedged = structs.replace(MARKET, hedge_venue="")
    assert await opening_of(main, main, unhedged) == Opening()
