"""The words of the account: the parts of P&L, postings with their shares, what was there before."""

from enum import StrEnum
from fractions import Fraction

import msgspec

from mmbot.errors import MMBotError


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
