"""Exact attribution: every posting of the wallet shared out among seven parts, to the satoshi.

What the app calls, at the end of a run::

    rows = [WalletRow(at_ns=..., currency="ETC", kind="Interest", amount=-12), ...]  # history
    result = attribute(
        fill_notes,                        # in the order in which they happened
        {"ETC7D": contract, "ETC_XBT": spot},
        wallet_change=wallet_end - wallet_start - transfers(rows, "XBt"),
        interest=interest_paid(rows, "ETC"),
        prints=(0.02, ...),                # the 30 sampled prints, () when unknown
    )
    result.parts, result.unexplained, result.check(), result.statement()

Units: money in minor units of the settlement currency (XBt), as integers; shares of a posting are
exact rationals. Signs: a part is positive when it made money; costs have the wire's signs (linear
and spot: a buy costs a positive amount; inverse: a negative one), so that in every class the
wallet moves by minus the cost.

How a posting is shared out (the value of q contracts at price p is V(q, p), signed like a cost):

==================  ================================================================================
posting             shares
==================  ================================================================================
contract, closing   the released cost and the closing cost, each as V(q, mid) inventory,
                    V(q, fair) - V(q, mid) basis, cost - V(q, fair) spread; closing q of Q releases
                    q/Q of each, the odd unit of the venue's rounding (E2) stays with inventory and
                    comes back with the rest of the position
settlement          V(q, mean of the prints) inventory, the rest of the settled price settlement
                    slippage; basis and spread that the position held are released
spot, hedge         interest units x price paid first, then q x decided mid inventory,
                    q x (price - decided mid) and the odd unit of the floor hedge slippage
spot, slice         as a hedge, with the sampled print for decided mid and settlement slippage
any commission      fees
funding             basis
==================  ================================================================================

What the account held before the run (``Opening``) belongs to its start, at the prices of the start:
only what prices did after that is earned. When such coins are sold or such contracts closed, the
wallet moves by their whole worth; the part of it that was there at the start is ``carried_in``, and
the parts sum to the wallet change less that.

Sources: exchange-rules E0 (rounding), E1 (value), E2 (average cost), E23 (spot), E24 (interest).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from math import floor

import msgspec

from mmbot.errors import MMBotError
from mmbot.types import FillNote, FillRole, FillSeen, Instrument, Kind

ZERO = Fraction(0)
HALF = Fraction(1, 2)
MS_NS = 10**6


class BooksError(MMBotError):
    """An execution that can't be booked, such as one of an unknown instrument."""


class Part(StrEnum):
    """Where money was made or lost."""

    SPREAD = "spread"
    INVENTORY = "inventory"
    BASIS = "basis"
    HEDGE_SLIPPAGE = "hedge_slippage"
    INTEREST = "interest"
    FEES = "fees"
    SETTLEMENT_SLIPPAGE = "settlement_slippage"


PART_MEANING: dict[Part, str] = {
    Part.SPREAD: "what our contract fills paid beside fair value (spot and basis, without skew)",
    Part.INVENTORY: "what spot did while we held what was not hedged, at mids and sampled prints",
    Part.BASIS: "the carry: fair value beside spot when we traded, against none at settlement",
    Part.HEDGE_SLIPPAGE: "what hedges on spot cost beside the mid at which they were decided",
    Part.INTEREST: "coins owed for borrowing, times the price paid for them",
    Part.FEES: "commissions on the contract, on spot and at settlement, less rebates",
    Part.SETTLEMENT_SLIPPAGE: "slices beside their sampled prints, and the odd units of settlement",
}

Shares = dict[Part, Fraction]


class WalletRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the venue's wallet history.

    ``kind`` is the venue's transaction type; ``amount`` is in minor units of ``currency``,
    negative when it left the wallet.
    """

    at_ns: int
    currency: str
    kind: str
    amount: int
    fee: int = 0
    balance: int | None = None
    text: str = ""


class InterestPaid(msgspec.Struct, frozen=True, kw_only=True):
    """Interest that left the wallet: ``units`` of the coin, positive."""

    at_ns: int
    units: int


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What the account held before the run, and what it was worth then.

    ``position`` is signed contracts and ``cost`` theirs, minor units in the wire's sign; ``coins``
    are minor units, less loan and interest, and ``interest_owed`` is that interest. ``mid`` and
    ``fair`` are the prices of spot and of the contract when the run began; 0 = not known yet.
    """

    contract: str = ""
    spot: str = ""
    position: int = 0
    cost: int = 0
    coins: int = 0
    interest_owed: int = 0
    mid: float = 0.0
    fair: float = 0.0


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of the wallet and its shares, which sum to ``amount``.

    ``kind`` is realised | settlement | spot | commission | funding.
    """

    at_ns: int
    exec_id: str
    kind: str
    amount: int
    shares: Shares


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """P&L by part.

    ``parts`` are whole minor units, rounded once together; ``exact`` are the same before rounding;
    ``posted`` is the sum of all postings; ``carried_in`` is what the wallet got (negative: paid)
    for what was held before the run and is gone, at the prices of the start; ``position`` and
    ``spot_position`` are what the fills leave open (contracts; minor units of the coin after
    interest that was paid).
    """

    parts: dict[Part, int]
    exact: Shares
    posted: int
    wallet_change: int
    currency: str
    postings: tuple[Posting, ...]
    problems: tuple[str, ...]
    position: int
    spot_position: int
    interest_units: int
    carried_in: int = 0

    @property
    def unexplained(self) -> int:
        """Wallet change less what was carried in and the parts; 0 when all is explained."""
        return self.wallet_change - self.carried_in - sum(self.parts.values())

    def check(self) -> list[str]:
        """Return what is wrong, a sentence each; empty when the books are right."""
        wrong = list(self.problems)
        if set(self.parts) != set(Part):
            wrong.append(f"the parts are {sorted(self.parts)}, not {sorted(Part)}")
        if self.unexplained:
            wrong.append(
                f"the parts sum to {sum(self.parts.values())} {self.currency}, the wallet changed "
                f"by {self.wallet_change}{self._carried()}: {self.unexplained:+d} {self.currency} "
                "unexplained"
            )
        if sum(self.exact.values()) != self.posted - self.carried_in:
            wrong.append(f"the exact parts do not sum to the postings, {self.posted}")
        wrong += [
            f"{part} is {self.parts.get(part)}, not {units} as its postings share"
            for part, units in round_together(self.exact).items()
            if self.parts.get(part) != units
        ]
        return wrong + self._check_postings()

    def _check_postings(self) -> list[str]:
        if not self.postings:
            return []
        wrong = [
            f"execution {posting.exec_id}: the shares of its {posting.kind} do not sum to "
            f"{posting.amount}"
            for posting in self.postings
            if sum(posting.shares.values()) != posting.amount
        ]
        if sum(posting.amount for posting in self.postings) != self.posted:
            wrong.append(f"the postings do not sum to {self.posted}")
        return wrong

    def statement(self) -> str:
        """Return the sentence that the report and the table print."""
        wrong = self.check()
        if not wrong:
            return f"The parts sum to the wallet change{self._carried()} to the satoshi."
        return "The parts do NOT add up: " + "; ".join(wrong) + "."

    def _carried(self) -> str:
        if not self.carried_in:
            return ""
        return f" less {self.carried_in} {self.currency} for what was held before"


def rha(value: Fraction) -> int:
    """Round half away from zero (E0).

    >>> rha(Fraction(5, 2)), rha(Fraction(-5, 2)), rha(Fraction(-7, 3))
    (3, -3, -2)
    """
    whole = floor(abs(value) + HALF)
    return whole if value >= 0 else -whole


def decimal(price: float) -> Fraction:
    """Return the venue's decimal that a float stands for, exactly.

    >>> decimal(0.00265501)
    Fraction(265501, 100000000)
    """
    return Fraction(repr(price))


def minor_decimals(currency: str) -> int:
    """Return the decimals of a currency's minor unit.

    >>> minor_decimals("XBt"), minor_decimals("USDt"), minor_decimals("ETC")
    (8, 6, 8)
    """
    return 6 if currency == "USDt" else 8


Value = Callable[[int, Fraction], Fraction]
"""The exact cost of ``qty`` (signed, contracts or minor units) at a price, in the wire's sign."""


def value_of(instrument: Instrument) -> Value:
    """Return how a quantity of ``instrument`` is worth money (E1, E23), before any rounding.

    Raises:
        BooksError: the instrument is an index.
    """
    multiplier = instrument.multiplier
    match instrument.kind:
        case Kind.LINEAR | Kind.QUANTO:
            return lambda qty, price: qty * multiplier * price
        case Kind.INVERSE:
            # The wire's multiplier is negative, so a buy costs a negative amount.
            return lambda qty, price: qty * multiplier / price
        case Kind.SPOT:
            quote = minor_decimals(instrument.settl_currency)
            scale = Fraction(10**quote, 10 ** minor_decimals(instrument.underlying))
            return lambda qty, price: qty * scale * price
        case Kind.INDEX:
            raise BooksError(f"{instrument.symbol} is an index, nobody trades it")


def round_together(exact: Mapping[Part, Fraction]) -> dict[Part, int]:
    """Round parts to whole units so that they keep their sum, by largest remainder.

    A sum that is not whole is rounded to the nearest first; ties go in the order of ``Part``.

    >>> thirds = {Part.SPREAD: Fraction(1, 3), Part.FEES: Fraction(-4, 3), Part.BASIS: Fraction(2)}
    >>> [int(units) for units in round_together(thirds).values()]
    [0, -1, 2]
    """
    whole = {part: floor(share) for part, share in exact.items()}
    missing = rha(Fraction(sum(exact.values()))) - sum(whole.values())
    order = sorted(exact, key=lambda part: whole[part] - exact[part])
    for part in order[:missing]:
        whole[part] += 1
    return whole


def contract_cost(instrument: Instrument, qty: int, price: float) -> Fraction:
    """Return what signed contracts cost at a price, in the wire's sign: per lot, then times lots.

    It is whole for whole lots (E0).
    """
    lot = instrument.lot_size
    return Fraction(qty, lot) * rha(value_of(instrument)(lot, decimal(price)))


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


def attribute(
    notes: Iterable[FillNote],
    instruments: Mapping[str, Instrument],
    *,
    wallet_change: int,
    interest: Iterable[InterestPaid] = (),
    prints: Sequence[float] = (),
    currency: str = "XBt",
    detail: bool = True,
    opening: Opening | None = None,
) -> Attribution:
    """Share out a run's executions among the parts of its P&L.

    Args:
        notes: every execution of ours, in the order in which it happened.
        instruments: by symbol, those that the executions are of.
        wallet_change: of ``currency`` over the run, minor units, without deposits and withdrawals.
        interest: what was paid, in coins (``interest_paid``).
        prints: the sampled prints whose mean is the settled price; empty when unknown.
        currency: of the wallet.
        detail: keep the postings; without them memory stays flat on a long run.
        opening: what the account held before the first note.

    Raises:
        BooksError: an execution is of an unknown instrument.
    """
    sharer = Sharer(instruments, interest=interest, prints=prints)
    if opening is not None:
        sharer.open_with(opening)
    postings: list[Posting] = []
    for note in notes:
        booked = sharer.add(note)
        if detail:
            postings += booked
    problems = list(sharer.problems)
    if left := sharer.unpriced_interest():
        problems.append(f"{left} units of interest were paid that no buy has paid for")
    carried_in = sharer.carried_in()
    exact = {**sharer.exact, Part.INVENTORY: sharer.exact[Part.INVENTORY] - carried_in}
    return Attribution(
        parts=round_together(exact),
        exact=exact,
        posted=sharer.posted,
        wallet_change=wallet_change,
        currency=currency,
        postings=tuple(postings),
        problems=tuple(problems),
        position=sum(position.qty for position in sharer.positions.values()),
        spot_position=sharer.spot_qty,
        interest_units=sharer.interest_units,
        carried_in=carried_in,
    )


def interest_paid(rows: Iterable[WalletRow], currency: str) -> tuple[InterestPaid, ...]:
    """Return the interest in wallet-history rows of a coin, oldest first."""
    paid = (
        InterestPaid(at_ns=row.at_ns, units=-row.amount)
        for row in rows
        if row.kind == "Interest" and row.currency == currency and row.amount < 0
    )
    return tuple(sorted(paid, key=lambda interest: interest.at_ns))


def transfers(rows: Iterable[WalletRow], currency: str) -> int:
    """Return what deposits, withdrawals and transfers moved, minor units, positive when in."""
    kinds = {"Deposit", "Withdrawal", "Transfer"}
    return sum(row.amount for row in rows if row.kind in kinds and row.currency == currency)
