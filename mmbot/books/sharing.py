"""Sharing out: each execution's postings, and the shares that positions and coins carry along.

The rules are in the table of ``mmbot.books.pnl``.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

from mmbot.books.parts import BooksError, Opening, Part, Posting, Shares
from mmbot.books.wallet_rows import InterestPaid
from mmbot.books.worth import ZERO, Value, contract_cost, decimal, rha, value_of
from mmbot.types import FillNote, FillRole, FillSeen, Instrument, Kind

MS_NS = 10**6


class Position:
    """A contract position at average cost (E2), which knows the shares of its integer cost.

    ``qty`` is signed contracts; ``cost`` minor units in the wire's sign; ``shares`` sum to it;
    ``made_before`` is what it had made before the run, of what is still open.
    """

    __slots__ = ("cost", "made_before", "qty", "shares")

    def __init__(self) -> None:
        self.qty = 0
        self.cost = 0
        self.shares: Shares = {}
        self.made_before = ZERO

    def fill(self, qty: int, cost: int, shares: Shares) -> tuple[int, Shares] | None:
        """Add an execution; return the realised posting and its shares, or None when it opened.

        Args:
            qty: signed contracts, not 0.
            cost: minor units in the wire's sign.
            shares: of ``cost``, summing to it.

        Raises:
            BooksError: the cost of the part that closes is not whole (a fill off the lot).
        """
        if self.qty * qty >= 0:
            self._open(qty, cost, shares)
            return None
        closing = min(abs(qty), abs(self.qty))
        portion = Fraction(closing, abs(qty))
        closing_cost = cost * portion
        if closing_cost.denominator != 1:
            raise BooksError(f"{closing} of a fill of {qty} contracts cost {closing_cost}")
        kept = Fraction(abs(self.qty) - closing, abs(self.qty))
        self.made_before *= kept
        released = rha(self.cost * (1 - kept))
        released_shares = {part: share * (1 - kept) for part, share in self.shares.items()}
        odd = released - sum(released_shares.values())
        released_shares[Part.INVENTORY] = released_shares.get(Part.INVENTORY, ZERO) + odd
        realised = {
            part: -(released_shares.get(part, ZERO) + shares.get(part, ZERO) * portion)
            for part in {**released_shares, **shares}
        }
        self._release(closing, released, released_shares)
        if portion != 1:
            rest = 1 - portion
            self._open(
                qty + closing if qty < 0 else qty - closing,
                cost - closing_cost.numerator,
                {part: share * rest for part, share in shares.items()},
            )
        return -(released + closing_cost.numerator), realised

    def _open(self, qty: int, cost: int, shares: Shares) -> None:
        self.qty += qty
        self.cost += cost
        for part, share in shares.items():
            self.shares[part] = self.shares.get(part, ZERO) + share

    def _release(self, closing: int, released: int, shares: Shares) -> None:
        self.qty -= closing if self.qty > 0 else -closing
        self.cost -= released
        if not self.qty:
            self.shares = {}
            return
        for part, share in shares.items():
            self.shares[part] = self.shares.get(part, ZERO) - share


class Sharer:
    """Shares out executions one by one, in the order in which they happened.

    Use ``attribute`` for a whole run; this is its engine, for those who stream.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        interest: Iterable[InterestPaid] = (),
        prints: Sequence[float] = (),
    ) -> None:
        self._instruments = dict(instruments)
        self._values = {symbol: value_of(row) for symbol, row in instruments.items()}
        self._interest = deque(sorted(interest, key=lambda paid: paid.at_ns))
        self._interest_due = 0
        self._mean = sum(map(decimal, prints), ZERO) / len(prints) if prints else None
        self.positions: dict[str, Position] = {}
        self.spot_qty = 0
        self.interest_units = 0
        self._coins_before = 0  # still there, of the coins that the run began with
        self._coin_worth = ZERO  # of one unit, then
        self._brought = ZERO  # the worth of all of them, and what the contracts had made
        self._owed_before = 0  # interest
        self.exact: Shares = dict.fromkeys(Part, ZERO)
        self.posted = 0
        self.problems: list[str] = []

    def open_with(self, opening: Opening) -> None:
        """Start with what the account held before the run, at the prices of its start."""
        self._owed_before = opening.interest_owed
        self.spot_qty = opening.coins
        qty, cost = opening.position, Fraction(opening.cost)
        at_mid = at_fair = cost
        if opening.mid:
            mid, fair = Fraction(opening.mid), Fraction(opening.fair)
            if qty:
                value = self._values[opening.contract]
                at_mid, at_fair = value(qty, mid), value(qty, fair)
            if opening.coins:
                self._coins_before = opening.coins
                self._coin_worth = self._values[opening.spot](1, mid)
        if qty:
            position = self.positions[opening.contract] = Position()
            basis = at_fair - at_mid
            position.fill(qty, opening.cost, {Part.INVENTORY: cost - basis, Part.BASIS: basis})
            position.made_before = at_fair - cost
        self._brought = at_fair - cost + self._coins_before * self._coin_worth

    def carried_in(self) -> int:
        """Return what the wallet got for what was held before, at the prices of the start."""
        open_still = sum((each.made_before for each in self.positions.values()), ZERO)
        return rha(self._brought - open_still - self._coins_before * self._coin_worth)

    def add(self, note: FillNote) -> tuple[Posting, ...]:
        """Book one execution and return its postings; postings of 0 are dropped (L1).

        Raises:
            BooksError: the instrument is unknown.
        """
        fill = note.fill
        instrument = self._instruments.get(fill.symbol)
        if instrument is None:
            raise BooksError(f"execution {fill.exec_id} is of {fill.symbol}, an unknown instrument")
        if fill.exec_type == "Funding":
            postings = [_posting(fill, "funding", -fill.exec_comm, Part.BASIS)]
        else:
            moved = (
                self._spot(note)
                if instrument.kind is Kind.SPOT
                else self._contract(note, instrument)
            )
            postings = [moved] if moved else []
            postings.append(_posting(fill, "commission", -fill.exec_comm, Part.FEES))
        kept = tuple(
            posting for posting in postings if posting.amount or any(posting.shares.values())
        )
        for posting in kept:
            self.posted += posting.amount
            for part, share in posting.shares.items():
                self.exact[part] += share
        return kept

    def _contract(self, note: FillNote, instrument: Instrument) -> Posting | None:
        fill, value = note.fill, self._values[note.fill.symbol]
        position = self.positions.setdefault(fill.symbol, Position())
        settled = note.role is FillRole.SETTLEMENT or fill.exec_type == "Settlement"
        # A settlement closes all there is, whatever side its row shows.
        qty = -position.qty if settled else (fill.side or 0) * fill.qty
        if not qty or abs(qty) != fill.qty:
            self.problems.append(
                f"execution {fill.exec_id}: {fill.exec_type} of {fill.qty} {fill.symbol} with side "
                f"{fill.side} does not fit a position of {position.qty}"
            )
        if not qty:
            return None
        expected = contract_cost(instrument, qty, fill.price)
        if fill.exec_cost != expected:
            self._odd_cost(fill, expected)
        if settled:
            shares = self._settlement_shares(note, value, qty)
        else:
            at_mid = value(qty, Fraction(note.mid))
            at_fair = value(qty, Fraction(note.fair))
            shares = {
                Part.INVENTORY: at_mid,
                Part.BASIS: at_fair - at_mid,
                Part.SPREAD: fill.exec_cost - at_fair,
            }
        realised = position.fill(qty, fill.exec_cost, shares)
        if realised is None:
            return None
        kind = "settlement" if settled else "realised"
        return Posting(
            at_ns=note.at_ns,
            exec_id=fill.exec_id,
            kind=kind,
            amount=realised[0],
            shares=realised[1],
        )

    def _settlement_shares(self, note: FillNote, value: Value, qty: int) -> Shares:
        mean = self._mean
        if mean is None:
            mean = decimal(note.fill.price if note.sample is None else note.sample)
        at_prints = value(qty, mean)
        return {
            Part.INVENTORY: at_prints,
            Part.SETTLEMENT_SLIPPAGE: note.fill.exec_cost - at_prints,
        }

    def _spot(self, note: FillNote) -> Posting | None:
        fill, value = note.fill, self._values[note.fill.symbol]
        qty = (fill.side or 0) * fill.qty
        if not qty:
            self.problems.append(f"execution {fill.exec_id} of {fill.symbol} has no side or size")
            return None
        price = decimal(fill.price)
        exact = value(qty, price)
        expected = floor(abs(exact)) * (1 if qty > 0 else -1)  # one floor per execution (E23)
        if fill.exec_cost != expected:
            self._odd_cost(fill, expected)
        if note.role is FillRole.SLICE:
            slippage = Part.SETTLEMENT_SLIPPAGE
            aim = note.decided_mid if note.sample is None else note.sample
        else:
            slippage, aim = Part.HEDGE_SLIPPAGE, note.decided_mid
        interest = self._interest_in(fill) if qty > 0 else 0
        hedged = qty - interest
        at_aim = value(hedged, Fraction(aim or note.mid))
        odd = fill.exec_cost - exact
        shares = {
            Part.INTEREST: -value(interest, price),
            Part.INVENTORY: -at_aim,
            slippage: -(value(hedged, price) - at_aim) - odd,
        }
        self.spot_qty += hedged
        # What was sold once of the coins of the start is gone, whatever is bought later.
        before, now = self._coins_before, self.spot_qty
        self._coins_before = max(0, min(before, now)) if before > 0 else min(0, max(before, now))
        return Posting(
            at_ns=note.at_ns,
            exec_id=fill.exec_id,
            kind="spot",
            amount=-fill.exec_cost,
            shares={part: share for part, share in shares.items() if share},
        )

    def _interest_in(self, fill: FillSeen) -> int:
        """Return how many units of a buy paid interest that was due by then (wire times are ms)."""
        upto = ((fill.venue_ns or fill.at_ns) // MS_NS + 1) * MS_NS
        while self._interest and self._interest[0].at_ns < upto:
            self._interest_due += self._interest.popleft().units
        units = min(self._interest_due, fill.qty)
        self._interest_due -= units
        old = min(units, self._owed_before)  # it was owed when the run began, like the loan
        self._owed_before -= old
        self.interest_units += units - old
        return units - old

    def _odd_cost(self, fill: FillSeen, expected: int | Fraction) -> None:
        self.problems.append(
            f"execution {fill.exec_id}: {fill.qty} {fill.symbol} at {fill.price!r} cost "
            f"{fill.exec_cost}, not {expected}"
        )

    def unpriced_interest(self) -> int:
        """Units of interest that no buy has paid for yet."""
        return self._interest_due + sum(paid.units for paid in self._interest)


def _posting(fill: FillSeen, kind: str, amount: int, part: Part) -> Posting:
    return Posting(
        at_ns=fill.at_ns,
        exec_id=fill.exec_id,
        kind=kind,
        amount=amount,
        shares={part: Fraction(amount)},
    )
