"""What has happened, for REST reads: bounded in memory, fed by the session's events."""

from sim_exchange.history.bins import BIN_NS, Bin, Bins, Day, DayStats
from sim_exchange.history.records import (
    BALANCE_TYPES,
    ENDED_TEXTS,
    EndedOrder,
    Execution,
    Funded,
    Insured,
    OrderFacts,
    Quote,
    Settled,
    Tick,
    Transaction,
    facts_of,
)
from sim_exchange.history.store import History
from sim_exchange.history.wallets import WalletHistory, withdrawal_number

__all__ = [
    "BALANCE_TYPES",
    "BIN_NS",
    "ENDED_TEXTS",
    "Bin",
    "Bins",
    "Day",
    "DayStats",
    "EndedOrder",
    "Execution",
    "Funded",
    "History",
    "Insured",
    "OrderFacts",
    "Quote",
    "Settled",
    "Tick",
    "Transaction",
    "WalletHistory",
    "facts_of",
    "withdrawal_number",
]
