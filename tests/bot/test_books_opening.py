"""What the account held before the run: worth its price at the start, not earned and not lost."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot.books.parts import Opening, Part
from mmbot.books.running import Books
from mmbot.books.wallet_rows import InterestPaid
from mmbot.books.worth import rha
from mmbot.types import MINUTE_NS, FillRole, QuoteNote, Side
from tests.bot.books_made import CONTRACT, LISTING_NS, SPOT, booked, fill, note, summary_of
from tests.bot.instruments import COIN

BUY, SELL = Side.BUY, Side.SELL


def quote(spot, *, coins=0, position=0, basis=0.0, minute=0):
    return QuoteNote(
        at_ns=LISTING_NS + minute * MINUTE_NS,
        symbol="ETC7D",
        spot=spot,
        terms={"basis": basis},
        bids=(),
        asks=(),
        position=position,
        spot_position=coins,
        mark=None,
        years=0.0,
    )


def begin(spot=0.02, *, basis=0.0, **opening):
    books = Books(CONTRACT, SPOT, opening=Opening(**opening))
    coins, position = opening.get("coins", 0), opening.get("position", 0)
    books.on_note(quote(spot, basis=basis, coins=coins, position=position))
    return books


def running(books):
    return {str(part): units for part, units in books.estimate().items() if round(units)}


def parts(result):
    assert result.check() == []
    assert result.unexplained == 0
    return {str(part): units for part, units in result.parts.items() if units}


def test_500_coins_at_the_start_are_neither_gain_nor_loss():
    books = begin(coins=500 * COIN)

    assert books.spot_position == 500 * COIN
    assert running(books) == {}


def test_500_coins_that_stay_earn_what_their_price_does():
    books = begin(coins=500 * COIN)

    books.on_note(quote(0.021, coins=500 * COIN, minute=1))
    result = books.close(wallet_change=0)
    summary = summary_of(books, result)

    assert running(books) == {"inventory": pytest.approx(50_000_000)}
    assert parts(result) == {}
    assert result.spot_position == 500 * COIN
    assert (summary.net, summary.marked, summary.carried_in) == (0, 50_000_000, 0)


def test_500_coins_that_are_sold_earn_what_their_price_did_until_then():
    # Sold at 0.0209 beside a mid of 0.021: 10.45 XBT come in, 10 of them were there before.
    books = begin(coins=500 * COIN)

    books.on_note(note(fill("ETC_XBT", SELL, 500 * COIN, 0.0209), FillRole.HEDGE, mid=0.021))
    result = books.close(wallet_change=1_045_000_000)
    summary = summary_of(books, result)

    assert parts(result) == {"inventory": 50_000_000, "hedge_slippage": -5_000_000}
    assert running(books) == pytest.approx(parts(result))
    assert (result.carried_in, result.spot_position) == (1_000_000_000, 0)
    assert (summary.net, summary.marked, summary.carried_in) == (45_000_000, None, 1_000_000_000)
    assert "less 1000000000 XBt for what was held before to the satoshi" in summary.statement


def test_coins_that_were_sold_once_are_gone_whatever_is_bought_later():
    # 200 of 500 are kept throughout; 300 are sold at 0.02 and bought back at 0.022.
    books = begin(coins=500 * COIN)

    books.on_note(note(fill("ETC_XBT", SELL, 300 * COIN, 0.02), FillRole.HEDGE))
    books.on_note(note(fill("ETC_XBT", BUY, 300 * COIN, 0.022), FillRole.HEDGE, mid=0.022))
    result = books.close(wallet_change=600_000_000 - 660_000_000)

    assert result.carried_in == 600_000_000
    assert parts(result) == {"inventory": -660_000_000}
    assert running(books) == {"inventory": pytest.approx(200 * 0.002 * COIN)}


def test_a_loan_at_the_start_costs_what_the_price_did_and_its_new_interest():
    # 100 coins and 1 of interest are owed; 0.5 more accrue; all is bought back at 0.021.
    books = begin(coins=-101 * COIN, interest_owed=COIN)
    paid = InterestPaid(at_ns=LISTING_NS, units=3 * COIN // 2)

    bought = fill("ETC_XBT", BUY, 203 * COIN // 2, 0.021)
    books.on_note(note(bought, FillRole.HEDGE, mid=0.021))
    result = books.close(wallet_change=-213_150_000, interest=[paid])

    assert result.carried_in == -202_000_000
    assert parts(result) == {"inventory": -10_100_000, "interest": -1_050_000}
    assert (result.spot_position, result.interest_units) == (0, COIN // 2)


def test_a_contract_position_at_the_start_has_earned_nothing_yet():
    # Long 300 from 0.0190; the run begins at a fair price of 0.0202, 1 % over spot.
    books = begin(position=300, cost=570_000_000, basis=0.01)

    assert books.position == 300
    assert running(books) == {}


def test_a_contract_position_that_is_closed_earns_from_the_start_of_the_run():
    books = begin(position=300, cost=570_000_000, basis=0.01)

    sold = note(fill("ETC7D", SELL, 300, 0.0208), mid=0.0205, fair=0.0205 * 1.01)
    books.on_note(sold)
    result = books.close(wallet_change=624_000_000 - 570_000_000)

    # 36,000,000 were made before: 300 x (0.0202 - 0.0190).
    assert result.carried_in == 36_000_000
    assert sum(result.parts.values()) == 18_000_000
    assert parts(result) == {"inventory": 15_000_000, "basis": 150_000, "spread": 2_850_000}
    assert (books.position, books.flips) == (0, 1)


def test_a_part_of_a_contract_position_brings_its_part():
    books = begin(position=-300, cost=-630_000_000)

    books.on_note(note(fill("ETC7D", BUY, 100, 0.02)))
    result = books.close(wallet_change=10_000_000)

    assert parts(result) == {}
    assert (result.position, result.carried_in) == (-200, 10_000_000)


def test_a_run_without_a_price_has_earned_nothing():
    books = Books(CONTRACT, SPOT, opening=Opening(coins=500 * COIN, position=3, cost=6_000_000))

    result = books.close(wallet_change=0)

    assert running(books) == {}
    assert parts(result) == {}
    assert (result.position, result.spot_position, result.carried_in) == (3, 500 * COIN, 0)


def test_where_nothing_is_hedged_coins_are_not_the_books():
    books = Books(CONTRACT, None)

    books.on_note(quote(0.02, coins=500 * COIN))

    assert books.spot_position == 0
    assert running(books) == {}


steps = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(Side), st.integers(1, 400),
        st.integers(1_000, 60_000).map(lambda ticks: ticks / 10**6), st.floats(0.001, 0.06),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    steps, st.integers(-500, 500), st.integers(-30_000_000, 30_000_000),
    st.integers(-5 * 10**10, 5 * 10**10), st.floats(0.001, 0.06), st.floats(-0.1, 0.1),
)  # fmt: skip
def test_parts_and_what_was_carried_in_sum_to_the_wallet_and_end_at_its_worth(
    path, position, beside, coins, start, basis
):
    cost = rha(position * COIN * Fraction(start)) + (beside if position else 0)
    books = begin(start, basis=basis, position=position, cost=cost, coins=coins)
    before = books.position * start * (1 + basis) * COIN - cost + coins * start
    wallet, held = 0, (position, cost)
    for on_spot, side, qty, price, mid in path:
        if on_spot:
            seen = fill("ETC_XBT", side, qty * COIN, price, fee_rate=0.0025)
            wallet -= seen.exec_cost
            coins += side * qty * COIN
        else:
            seen = fill("ETC7D", side, qty, price, fee_rate=0.0025)
            held_qty, held_cost, realised = booked(*held, side * qty, seen.exec_cost)
            held = held_qty, held_cost
            wallet += realised
        wallet -= seen.exec_comm
        books.on_note(note(seen, FillRole.HEDGE if on_spot else FillRole.QUOTE, mid))

    result = books.close(wallet_change=wallet)

    assert result.check() == []
    assert result.unexplained == 0
    assert sum(result.parts.values()) + result.carried_in == wallet
    assert (result.position, result.spot_position) == (held[0], coins)
    # The running figure is the change of all that the account is worth.
    after = wallet + held[0] * books.fair * COIN - held[1] + coins * books.mid
    assert sum(books.estimate().values()) == pytest.approx(after - before, abs=1.0, rel=1e-9)
    if not held[0] and not coins:
        assert sum(result.parts.values()) == pytest.approx(after - before, abs=1.0)
    assert set(result.parts) == set(Part)
