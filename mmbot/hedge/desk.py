"""One spot order at a time: from sending until the answer and the position row both have come.

    idle -> sent -> answered -> the row shows it -> idle
            sent -> refused -> idle after a pause that doubles

The position row is the truth; an order counts as done only when the row contains what it filled.
That is what keeps a hedge from being sent twice.
"""

from collections import OrderedDict
from dataclasses import dataclass

from mmbot.hedge.delta import SpotOrder
from mmbot.types import SECOND_NS, FillRole, FillSeen, OrderSeen

REMEMBERED = 256  # orders whose late fills still find what they were for


@dataclass(slots=True)
class Sent:
    """A hedge order and what the books need to know of it."""

    cl_ord_id: str
    action_id: int
    order: SpotOrder
    row_before: int
    sent_ns: int
    decided_mid: float
    role: FillRole
    slice_no: int = 0
    sample: float | None = None
    answered: bool = False
    filled: int = 0  # as its rows say
    traded: int = 0  # as its executions say

    def is_in(self, row: int) -> bool:
        """Whether the position row contains what was filled, give or take interest."""
        filled = max(self.filled, self.traded)
        moved = (row - self.row_before) * self.order.side
        return filled == 0 or moved * 100 >= filled * 99 or (self.order.qty is None and row == 0)


class Desk:
    """The hedge order under way, when to try again, and why the last one failed."""

    def __init__(
        self, *, pause_s: float = 1.0, longest_pause_s: float = 30.0, patience_s: float = 3.0
    ) -> None:
        """Try again after ``pause_s``, doubled with each failure up to ``longest_pause_s``.

        ``patience_s`` is how long an answer or a row may take before the venue is asked.
        """
        self.under_way: Sent | None = None
        self.not_before_ns = 0
        self.failures = 0
        self.trouble = ""
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._pause_s = pause_s
        self._longest_s = longest_pause_s
        self._patience_ns = round(patience_s * SECOND_NS)

    def send(self, sent: Sent) -> None:
        """Note that an order is on its way."""
        self.under_way = sent
        self._sent[sent.cl_ord_id] = sent
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def find(self, cl_ord_id: str) -> Sent | None:
        """Return what an order of ours was for, when it is not too long ago."""
        return self._sent.get(cl_ord_id)

    def see(self, row: OrderSeen) -> None:
        """Take a row of an order in."""
        sent = self._sent.get(row.cl_ord_id)
        if sent is not None and row.cum_qty is not None:
            sent.filled = max(sent.filled, row.cum_qty)
            sent.answered |= row.status is not None and not row.status.is_open

    def see_fill(self, fill: FillSeen) -> None:
        """Count an execution of an order of ours."""
        sent = self._sent.get(fill.cl_ord_id)
        if sent is not None:
            sent.traded += fill.qty

    def refused(self, words: str, now_ns: int) -> None:
        """The order was not done: try again after a pause."""
        self.under_way = None
        self._pause(words, now_ns)

    def done(self, now_ns: int) -> None:
        """Answered and in the row; an order that the book could not fill is asked again later."""
        sent, self.under_way = self.under_way, None
        if sent is None:
            return
        filled = max(sent.filled, sent.traded)
        if sent.order.qty is not None and filled < sent.order.qty:
            self._pause("the spot book is too thin", now_ns)
        elif filled == 0:
            self._pause("nothing was filled", now_ns)
        else:
            self.recovered()

    def recovered(self) -> None:
        """Nothing is wanted any more, or it was done: the troubles are over."""
        self.failures, self.trouble, self.not_before_ns = 0, "", 0

    def forget(self) -> None:
        """The venue has told the truth afresh: nothing is under way."""
        self.under_way = None

    def is_late(self, now_ns: int) -> bool:
        """Whether the answer or the row has not come in time."""
        return self.under_way is not None and now_ns >= self.under_way.sent_ns + self._patience_ns

    def wake_ns(self) -> int | None:
        """Return when time alone changes something here."""
        if self.under_way is not None:
            return self.under_way.sent_ns + self._patience_ns
        return self.not_before_ns or None

    def _pause(self, words: str, now_ns: int) -> None:
        wait_s = min(self._longest_s, self._pause_s * 2**self.failures)
        self.failures += 1
        self.trouble = words
        self.not_before_ns = now_ns + round(wait_s * SECOND_NS)
