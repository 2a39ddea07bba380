"""An announcement: a change that everybody can read before it takes effect (E32)."""

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.types import AnnouncementState

_KINDS: dict[type, str] = {
    c.TickChange: "tick",
    c.FeeChange: "fee",
    c.MarginChange: "leverage",
    c.ListInstrument: "listing",
    c.SetReference: "index",
    c.SplitChain: "split",
    c.SetComposition: "index",
    c.SetFundingInterval: "funding",
    c.SetMode: "mode",
    c.WithdrawalRound: "withdrawal",
}


class Announcement(msgspec.Struct, kw_only=True):
    """One announcement, mutable; readers see it as ``views.AnnouncementLike``."""

    number: int
    change: c.AnyChange
    text: str
    published_ns: int
    effective_ns: int
    supersedes: int
    superseded_by: int = 0
    state: AnnouncementState = AnnouncementState.PENDING
    fault: str = ""

    @property
    def kind(self) -> str:
        """What it changes, in the words of the admin interface (design.md 6)."""
        return kind_of(self.change)

    @property
    def symbol(self) -> str:
        """What it is about; "" is the whole exchange."""
        return symbol_of(self.change)


def kind_of(change: c.AnyChange) -> str:
    """Return a change's kind in the words of the admin interface."""
    return _KINDS[type(change)]


def symbol_of(change: c.AnyChange) -> str:
    """Return the symbol that a change is about; "" is the whole exchange."""
    match change:
        case c.WithdrawalRound():
            return ""
        case c.ListInstrument():
            return change.spec.symbol
        case c.SplitChain() | c.SetComposition():
            return change.index
        case _:
            return change.symbol
