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

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

import msgspec

from mmbot.books.parts import Opening, Part, Posting, Shares
from mmbot.books.sharing import Sharer
from mmbot.books.wallet_rows import InterestPaid
from mmbot.books.worth import rha
from mmbot.types import FillNote, Instrument


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
