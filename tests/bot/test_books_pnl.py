"""P&L by part (issue 2, item 9): every posting shared out exactly, to the satoshi."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot.books.parts import BooksError, Part
from mmbot.books.pnl import attribute, round_together
from mmbot.books.sharing import Sharer
from mmbot.books.wallet_rows import InterestPaid, WalletRow, interest_paid, transfers
from mmbot.books.worth import rha
from mmbot.types import MINUTE_NS, FillNote, FillRole, Side
from tests.bot.books_made import LISTING_NS, ROWS, MadeWeek, booked, fill, note
from tests.bot.instruments import COIN

BUY, SELL = Side.BUY, Side.SELL


def parts_of(notes, change, **changes):
    result = attribute(notes, ROWS, wallet_change=change, **changes)
    assert result.check() == []
    return {str(part): units for part, units in result.parts.items() if units}


def test_B2_round_trip_without_fees_earns_the_spread():
    # Sell 300 @0.0201, buy 300 spot @0.0200; buy 300 @0.0199, sell 300 spot @0.0200: 0.06 XBT.
    notes = [
        note(fill("ETC7D", SELL, 300, 0.0201)),
        note(fill("ETC_XBT", BUY, 300 * COIN, 0.02), FillRole.HEDGE),
        note(fill("ETC7D", BUY, 300, 0.0199)),
        note(fill("ETC_XBT", SELL, 300 * COIN, 0.02), FillRole.HEDGE),
    ]

    assert parts_of(notes, 6_000_000) == {"spread": 6_000_000}


def test_B2_hedge_fees_take_half_of_it():
    notes = [
        note(fill("ETC7D", SELL, 300, 0.0201)),
        note(fill("ETC_XBT", BUY, 300 * COIN, 0.02, fee_rate=0.0025), FillRole.HEDGE),
        note(fill("ETC7D", BUY, 300, 0.0199)),
        note(fill("ETC_XBT", SELL, 300 * COIN, 0.02, fee_rate=0.0025), FillRole.HEDGE),
    ]

    assert parts_of(notes, 3_000_000) == {"spread": 6_000_000, "fees": -3_000_000}


def test_E14_short_at_settlement_with_its_fee():
    # Prints 0.02000 + 0.00001k settle at 0.020145; short 300 @0.0201: -1,350,000, fee 1,510,875.
    prints = [round(0.02 + 0.00001 * k, 8) for k in range(30)]
    notes = [
        note(fill("ETC7D", SELL, 300, 0.0201), mid=0.0201),
        note(
            fill("ETC7D", BUY, 300, 0.020145, exec_type="Settlement", fee_rate=0.0025),
            FillRole.SETTLEMENT,
        ),
    ]

    found = parts_of(notes, -2_860_875, prints=prints)

    # The float nearest to 0.0201 is not 0.0201: what it lacks is spread, less than half a unit.
    assert found == {"inventory": -1_350_000, "fees": -1_510_875}


def test_B3_perfect_matching_earns_the_same_on_any_path():
    # 300 short at 0.0201 over spot 0.02, sold in 30 slices of 10 at the prints: +0.03 on any path.
    prints = [round(0.02 + 0.00001 * k, 8) for k in range(30)]
    notes = [
        note(fill("ETC7D", SELL, 300, 0.0201), mid=0.02),
        note(fill("ETC_XBT", BUY, 300 * COIN, 0.02), FillRole.HEDGE),
    ]
    notes += [
        note(
            fill("ETC_XBT", SELL, 10 * COIN, price),
            FillRole.SLICE,
            mid=price,
            sample=price,
            slice_no=number,
        )
        for number, price in enumerate(prints, start=1)
    ]
    notes.append(
        note(fill("ETC7D", BUY, 300, 0.020145, exec_type="Settlement"), FillRole.SETTLEMENT)
    )

    assert parts_of(notes, 3_000_000, prints=prints) == {"spread": 3_000_000}


def test_basis_is_the_carry_from_trade_to_settlement():
    # Bought at fair, 1 % under spot, settled where spot was: the basis earned it all.
    notes = [
        note(fill("ETC7D", BUY, 100, 0.0198), mid=0.02, fair=0.0198),
        note(fill("ETC7D", SELL, 100, 0.02, exec_type="Settlement"), FillRole.SETTLEMENT, mid=0.02),
    ]

    assert parts_of(notes, 2_000_000) == {"basis": 2_000_000}


def test_hedge_beside_the_decided_mid_is_slippage_with_the_odd_unit():
    # 3 units at 0.5 cost floor(1.5) = 1; at the decided mid of 0.25 they are worth 0.75.
    seen = fill("ETC_XBT", BUY, 3, 0.5)

    (posting,) = Sharer(ROWS).add(note(seen, FillRole.HEDGE, mid=0.25))

    assert posting.amount == -1
    assert posting.shares == {
        Part.INVENTORY: Fraction(-3, 4),
        Part.HEDGE_SLIPPAGE: Fraction(-1, 4),
    }


def test_slice_beside_its_print_is_settlement_slippage():
    seen = fill("ETC_XBT", SELL, COIN, 0.0199)

    result = attribute(
        [note(seen, FillRole.SLICE, mid=0.5, sample=0.02)], ROWS, wallet_change=1_990_000
    )

    assert result.parts[Part.SETTLEMENT_SLIPPAGE] == -10_000
    assert result.parts[Part.INVENTORY] == 2_000_000


def test_odd_unit_of_the_settled_price_is_settlement_slippage():
    # 29 prints of 100 and one of 130 ticks of 1e-8, all + 1/30: the mean has no 8 decimals.
    prints = [0.02] * 29 + [0.02000001]
    notes = [
        note(fill("ETC7D", BUY, 30, 0.02)),
        note(fill("ETC7D", SELL, 30, 0.02, exec_type="Settlement"), FillRole.SETTLEMENT),
    ]

    # The mean is worth 30 x 1e8 x 1e-8/30 = 1 more than the settled price.
    assert parts_of(notes, 0, prints=prints) == {"inventory": 1, "settlement_slippage": -1}


def test_interest_is_units_owed_times_the_price_paid_for_them():
    # Sell 10 coins short, buy back 10.5 of which 0.5 were interest.
    later = LISTING_NS + MINUTE_NS
    notes = [
        note(fill("ETC_XBT", SELL, 10 * COIN, 0.02), FillRole.HEDGE),
        note(fill("ETC_XBT", BUY, 21 * COIN // 2, 0.021, at_ns=later), FillRole.HEDGE, mid=0.0205),
    ]
    rows = [
        WalletRow(at_ns=later, currency="ETC", kind="Interest", amount=-COIN // 2),
        WalletRow(at_ns=later, currency="XBt", kind="Deposit", amount=7),
        WalletRow(at_ns=later, currency="XBt", kind="Withdrawal", amount=-2),
    ]

    found = attribute(
        notes, ROWS, wallet_change=20_000_000 - 22_050_000, interest=interest_paid(rows, "ETC")
    )

    assert found.check() == []
    assert found.parts[Part.INTEREST] == -1_050_000
    assert found.parts[Part.INVENTORY] == 20_000_000 - 20_500_000
    assert found.parts[Part.HEDGE_SLIPPAGE] == -500_000
    assert (found.spot_position, found.interest_units) == (0, COIN // 2)
    assert transfers(rows, "XBt") == 5


def test_interest_that_no_buy_paid_for_is_said():
    found = attribute([], ROWS, wallet_change=0, interest=[InterestPaid(at_ns=LISTING_NS, units=9)])

    assert found.check() == ["9 units of interest were paid that no buy has paid for"]


def test_interest_waits_for_the_buys_after_it():
    # It is paid out of two fills when the first is too small, and never out of a sale.
    paid = [InterestPaid(at_ns=LISTING_NS + 500_000, units=5)]
    notes = [
        note(fill("ETC_XBT", BUY, 3, 0.5), FillRole.HEDGE),
        note(fill("ETC_XBT", SELL, 9, 0.5), FillRole.HEDGE),
        note(fill("ETC_XBT", BUY, 9, 0.5), FillRole.HEDGE),
    ]

    sharer = Sharer(ROWS, interest=paid)
    shares = [sharer.add(each)[0].shares.get(Part.INTEREST) for each in notes]

    assert shares == [Fraction(-3, 2), None, -1]


def test_funding_is_carry():
    seen = fill("ETC7D", BUY, 100, 0.02, exec_type="Funding", exec_comm=42)

    assert parts_of([note(seen, FillRole.OTHER)], -42) == {"basis": -42}


def test_E1_inverse_long_is_shared_out_by_the_same_rule():
    # Long 1,000 @1000, closed 500 @1500 and 500 @1250: +16,666,500 and +10,000,000 (E1).
    notes = [
        note(fill("XBTZ18", BUY, 1000, 1000.0), mid=1000.0),
        note(fill("XBTZ18", SELL, 500, 1500.0), mid=1500.0),
        note(fill("XBTZ18", SELL, 500, 1250.0), mid=1250.0),
    ]

    found = parts_of(notes, 26_666_500)

    # rha(1e8/1500) = 66,667 per contract is a third of a satoshi dearer than the value at the mid.
    assert found == {"inventory": 26_666_667, "spread": -167}


def test_unknown_instrument_is_an_error():
    with pytest.raises(BooksError, match="ETC7D"):
        Sharer({}).add(note(fill("ETC7D", BUY, 1, 0.02)))


def test_settlement_that_does_not_fit_the_position_is_said():
    notes = [
        note(fill("ETC7D", BUY, 30, 0.02)),
        note(fill("ETC7D", SELL, 29, 0.02, exec_type="Settlement"), FillRole.SETTLEMENT),
    ]

    (problem, *_) = attribute(notes, ROWS, wallet_change=0).check()

    assert "29" in problem
    assert "30" in problem


# --- planted errors -----------------------------------------------------------------------------


def share_out(made, notes):
    return attribute(
        notes, ROWS, wallet_change=made.wallet, prints=made.prints, interest=made.interest
    )


@pytest.fixture(scope="module")
def week():
    made = MadeWeek(seed=3)
    notes = [each for each in made.notes() if isinstance(each, FillNote)]
    result = share_out(made, notes)
    assert result.check() == []
    assert "to the satoshi" in result.statement()
    assert all(result.parts.values())
    return made, notes, result


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("error", [1, -1])
def test_a_planted_satoshi_in_any_part_is_reported(week, part, error):
    _, _, result = week

    planted = msgspec.structs.replace(
        result, parts={**result.parts, part: result.parts[part] + error}
    )

    assert planted.unexplained == -error
    assert planted.check()
    assert f"{-error:+d} XBt unexplained" in planted.statement()


@pytest.mark.parametrize("part", list(Part)[1:])
def test_a_planted_satoshi_that_two_parts_hide_is_reported(week, part):
    _, _, result = week
    moved = {
        **result.parts,
        part: result.parts[part] + 1,
        Part.SPREAD: result.parts[Part.SPREAD] - 1,
    }

    planted = msgspec.structs.replace(result, parts=moved)

    assert planted.unexplained == 0
    assert planted.check()


@pytest.mark.parametrize("part", Part)
def test_a_planted_satoshi_in_any_share_of_a_posting_is_reported(week, part):
    _, _, result = week
    at = next((i for i, row in enumerate(result.postings) if part in row.shares), 0)
    row = result.postings[at]
    wrong = msgspec.structs.replace(
        row, shares={**row.shares, part: row.shares.get(part, Fraction(0)) + 1}
    )

    planted = msgspec.structs.replace(
        result, postings=(*result.postings[:at], wrong, *result.postings[at + 1 :])
    )

    assert any(row.exec_id in problem for problem in planted.check())


def test_a_planted_satoshi_in_any_execution_is_reported(week):
    made, notes, _ = week
    for at in range(0, len(notes), 37):
        for field in ("exec_cost", "exec_comm"):
            seen = notes[at].fill
            wrong = msgspec.structs.replace(seen, **{field: getattr(seen, field) + 1})
            planted = [*notes]
            planted[at] = msgspec.structs.replace(notes[at], fill=wrong)

            try:
                result = share_out(made, planted)
            except BooksError:
                continue  # a closing fill whose lots no longer cost the same is refused outright
            assert result.check(), (at, field)


# --- against a ledger of plain integers ---------------------------------------------------------

prices = st.integers(1_000, 60_000).map(lambda ticks: ticks / 10**6)
spot_prices = st.integers(100_000, 6_000_000).map(lambda ticks: ticks / 10**8)
floats = st.floats(0.001, 0.06)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("contract"), st.sampled_from(Side), st.integers(1, 400), prices, floats, floats
        ),
        st.tuples(
            st.just("spot"), st.sampled_from(Side), st.integers(1, 10**11), spot_prices, floats,
            floats,
        ),
        st.tuples(
            st.just("inverse"), st.sampled_from(Side), st.integers(1, 400),
            st.integers(200, 40_000).map(lambda half: half / 2), st.floats(100, 20_000),
            st.floats(100, 20_000),
        ),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(steps, st.lists(spot_prices, min_size=30, max_size=30), st.data())
def test_parts_sum_to_an_independent_ledger(path, prints, data):
    wallet, coins, owed = 0, 0, []
    held = {"ETC7D": (0, 0), "XBTZ18": (0, 0)}
    notes = []
    for number, (what, side, qty, price, mid, fair) in enumerate(path):
        at = LISTING_NS + number * MINUTE_NS
        rate = data.draw(st.sampled_from((-0.0005, 0.0, 0.0025)))
        if what == "spot":
            role = data.draw(st.sampled_from((FillRole.HEDGE, FillRole.SLICE, FillRole.OTHER)))
            seen = fill("ETC_XBT", side, qty, price, at_ns=at, exec_id=f"{number}", fee_rate=rate)
            wallet -= seen.exec_cost + seen.exec_comm
            coins += side * qty
            if side is BUY and data.draw(st.booleans()):
                owed.append(InterestPaid(at_ns=at, units=data.draw(st.integers(1, qty))))
            notes.append(note(seen, role, mid, fair, sample=mid if qty % 2 else None))
            continue
        symbol = "ETC7D" if what == "contract" else "XBTZ18"
        seen = fill(symbol, side, qty, price, at_ns=at, exec_id=f"{number}", fee_rate=rate)
        position, cost, realised = booked(*held[symbol], side * qty, seen.exec_cost)
        held[symbol] = position, cost
        wallet += realised - seen.exec_comm
        notes.append(note(seen, FillRole.QUOTE, mid, fair))
    position, cost = held["ETC7D"]
    if position:
        settled = rha(Fraction(sum(round(price * 10**8) for price in prints), 30)) / 10**8
        side = SELL if position > 0 else BUY
        seen = fill(
            "ETC7D", side, abs(position), settled, at_ns=LISTING_NS + 10**15,
            exec_type="Settlement", fee_rate=0.0025,
        )  # fmt: skip
        wallet += booked(position, cost, -position, seen.exec_cost)[2] - seen.exec_comm
        notes.append(note(seen, FillRole.SETTLEMENT))

    result = attribute(notes, ROWS, wallet_change=wallet, interest=owed, prints=prints)

    assert result.check() == []
    assert sum(result.parts.values()) == wallet
    assert result.interest_units == sum(paid.units for paid in owed)
    assert result.spot_position == coins - result.interest_units
    assert result.position == held["XBTZ18"][0]
    assert attribute(notes, ROWS, wallet_change=wallet + 1, interest=owed, prints=prints).check()


@given(st.lists(st.fractions(-1000, 1000, max_denominator=97), min_size=6, max_size=6))
@settings(deadline=None, derandomize=True)
def test_rounding_together_keeps_the_sum_and_moves_no_part_by_a_unit(shares):
    exact = dict(zip(Part, [*shares, -sum(shares) % 1], strict=True))

    whole = round_together(exact)

    assert sum(whole.values()) == sum(exact.values())
    assert all(abs(whole[part] - exact[part]) < 1 for part in exact)
