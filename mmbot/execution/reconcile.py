"""From what is wished and what is live to the fewest requests: desired minus live minus in flight.

live order             wished level                    ->
in flight              any                             left alone
near and large enough  its partner                     left alone
elsewhere              its partner                     amended in place
more than wished       none                            canceled
none                   one more                        new
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmbot.execution.orders import InFlight, OwnOrder
from mmbot.types import Side

BULK = 10  # orders in one bulk request


@dataclass(frozen=True, slots=True)
class Target:
    """A wished level that has a live order: the order, its new price (ticks) and leaves."""

    order: OwnOrder
    price: int
    leaves: int

    @property
    def order_qty(self) -> int:
        """What to ask for.

        An amended orderQty counts from the start of the order: to keep N working, ask for
        cum_qty + N.
        """
        return max(self.order.cum_qty, self.order.traded) + self.leaves


@dataclass(slots=True)
class Plan:
    """What to send; ``new`` are (side, price in ticks, contracts)."""

    new: list[tuple[Side, int, int]] = field(default_factory=list)
    amend: list[Target] = field(default_factory=list)
    cancel: list[OwnOrder] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.new or self.amend or self.cancel)

    def limit(self, orders: int) -> None:
        """Keep what fits one bulk of ``orders`` each; the next cycle does the rest."""
        del self.new[orders:]
        del self.amend[orders:]


def reconcile(
    plan: Plan,
    side: Side,
    wished: Sequence[tuple[int, int]],
    live: Sequence[OwnOrder],
    *,
    tolerance: int,
    size_slack: float = 0.2,
) -> None:
    """Add to ``plan`` what brings the live orders of one side to what is wished.

    Args:
        plan: where the steps go.
        side: of both.
        wished: (ticks, contracts), best first.
        live: our orders of that side, outermost first.
        tolerance: ticks by which an order may be off and is left alone.
        size_slack: an order is left alone while it has at least 1 - this of the wished size, and
            at most a quarter of this more.
    """
    leaving = [order for order in live if order.in_flight is InFlight.CANCEL]
    staying = [order for order in live if order.in_flight is not InFlight.CANCEL]
    # Outermost first: when the inner order is taken, the outer ones need no amend (one new order
    # instead of five).
    levels = list(reversed(wished))
    for order, (price, leaves) in zip(staying, levels, strict=False):
        if order.in_flight is not None:
            continue
        near = abs(order.price - price) <= tolerance
        enough = (1 - size_slack) * leaves <= order.leaves <= (1 + size_slack / 4) * leaves
        if not (near and enough):
            plan.amend.append(Target(order, order.price if near else price, leaves))
    plan.cancel += [order for order in staying[len(levels) :] if order.in_flight is None]
    # What is leaving may still trade; until it has left, nothing takes its place.
    missing = levels[len(staying) + len(leaving) :]
    plan.new += [(side, price, leaves) for price, leaves in missing]


def in_bulks(count: int, size: int = BULK) -> list[slice]:
    """Return slices of at most ``size`` that cover ``count`` items.

    >>> in_bulks(12)
    [slice(0, 10, None), slice(10, 12, None)]
    """
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
