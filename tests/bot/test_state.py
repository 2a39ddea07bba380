"""The picture: mirrors of books, prices, positions."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from mmbot.pricing.contracts import contract_value, contracts_for_value, exposure_units
from mmbot.state import BookMirror, Picture
from mmbot.strategy.api import Quotes
from mmbot.types import (
    BookSeen,
    Instrument,
    Kind,
    MarginSeen,
    PositionSeen,
    PriceSeen,
    Side,
    WalletSeen,
)
from tests.bot.instruments import COIN, ETC7D, ETC_XBT, MONDAY_NS

CHANGES = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(
            st.tuples(st.sampled_from(list(Side)), st.integers(1, 12), st.integers(0, 3)),
            max_size=8,
        ),
    ),
    max_size=30,
)


@given(CHANGES)
def test_mirror_has_the_best_prices_at_hand(changes):
    mirror = BookMirror()
    naive: dict[tuple[Side, int], int] = {}

    for snapshot, levels in changes:
        before = (mirror.best_bid, mirror.best_ask)
        event = BookSeen(at_ns=0, symbol="X", snapshot=snapshot, levels=tuple(levels))
        changed = mirror.apply(event)
        if snapshot:
            naive.clear()
        for side, price, size in levels:
            naive[side, price] = size
        bids = [price for (side, price), size in naive.items() if side > 0 and size]
        asks = [price for (side, price), size in naive.items() if side < 0 and size]
        assert mirror.best_bid == max(bids, default=None)
        assert mirror.best_ask == min(asks, default=None)
        assert changed == (before != (mirror.best_bid, mirror.best_ask))


def test_mirror_knows_the_best_price_of_others():
    mirror = BookMirror()
    levels = ((Side.BUY, 100, 5), (Side.BUY, 99, 7), (Side.SELL, 102, 3))
    mirror.apply(BookSeen(at_ns=0, symbol="X", snapshot=True, levels=levels))

    assert mirror.best_without(Side.BUY, {}) == 100
    assert mirror.best_without(Side.BUY, {100: 5}) == 99
    assert mirror.best_without(Side.BUY, {100: 4}) == 100
    assert mirror.best_without(Side.SELL, {102: 3}) is None
    assert mirror.mid_sum == 202


def picture(**names) -> Picture:
    facts = {
        "symbol": "ETC7D",
        "spot_symbol": "ETC_XBT",
        "index_symbol": "",
        "lending_symbol": ".ETCBON",
        "foreign_rate": None,
    }
    made = Picture(**{**facts, **names})
    made.see_instrument(ETC7D)
    made.see_instrument(ETC_XBT)
    return made


def test_index_is_the_one_whose_prints_settle_the_contract():
    known = picture()

    known.see_price(PriceSeen(at_ns=0, symbol=".ETCXBT", last=0.021))

    assert known.index_symbol == ".ETCXBT"
    assert known.index == 0.021


def test_index_is_what_the_contract_would_settle_at_until_it_is_heard_itself():
    known = picture()

    known.see_price(PriceSeen(at_ns=0, symbol="ETC7D", indicative_settle=0.020))
    before = known.index
    known.see_price(PriceSeen(at_ns=1, symbol=".ETCXBT", last=0.021))
    known.see_price(PriceSeen(at_ns=2, symbol="ETC7D", indicative_settle=0.0205))

    assert (before, known.index) == (0.020, 0.021)


def test_borrow_rate_per_day_becomes_a_rate_a_year_and_small_changes_are_nothing():
    known = picture()

    assert known.see_price(PriceSeen(at_ns=0, symbol=".ETCBON", last=0.001))
    assert known.foreign_rate == 0.365
    assert not known.see_price(PriceSeen(at_ns=0, symbol=".ETCBON", last=0.001001))
    assert known.see_price(PriceSeen(at_ns=0, symbol=".ETCBON", last=0.0))
    assert known.foreign_rate is None


def test_view_is_none_until_spot_is_known():
    known = picture()
    assert known.view(0, last=Quotes(), target=0, home_rate=0.0) is None

    levels = ((Side.BUY, 1_999_000, 5), (Side.SELL, 2_001_000, 7))
    known.spot_book.apply(BookSeen(at_ns=0, symbol="ETC_XBT", snapshot=True, levels=levels))
    known.see_position(PositionSeen(at_ns=0, symbol="ETC7D", qty=-3))
    known.see_wallet(WalletSeen(at_ns=0, currency="XBt", amount=5))
    known.see_wallet(MarginSeen(at_ns=0, currency="XBt", wallet_balance=7))
    view = known.view(MONDAY_NS, last=Quotes(), target=1, home_rate=0.05)

    assert view is not None
    assert (view.spot, view.position, view.target_position, view.wallet_balance) == (0.02, -3, 1, 7)
    assert round(view.years_to_settlement * 365, 6) == 7


def contract(kind: Kind, multiplier: int) -> Instrument:
    return structs.replace(ETC7D, kind=kind, multiplier=multiplier)


def test_value_and_exposure_of_a_contract_by_kind():
    assert contract_value(ETC7D, 0.0201) == 0.0201
    assert exposure_units(ETC7D, -300, 0.0201) == -300 * COIN
    inverse = contract(Kind.INVERSE, -COIN)
    assert contract_value(inverse, 10_000) == 0.0001
    assert exposure_units(inverse, 10_000, 10_000) == COIN
    assert contract_value(contract(Kind.QUANTO, 100), 500) == 0.0005
    assert exposure_units(ETC_XBT, 5, 0.02) == 5
    assert contracts_for_value(ETC7D, 6.0, 0.02) == 300
    assert contracts_for_value(ETC7D, 1e-9, 0.02) == 1
    assert contracts_for_value(ETC7D, 0.0, 0.02) == 0
