"""Rows as the venue spells them, for typed decoding; only the columns that we read.

Any column may be absent, because an update carries only its keys and what changed.
"""

from decimal import Decimal
from typing import TypedDict

import msgspec


class InstrumentRow(TypedDict, total=False):
    """Facts and prices of an instrument or index."""

    symbol: str
    state: str
    typ: str
    listing: str | None
    expiry: str | None
    underlying: str | None
    quoteCurrency: str | None
    settlCurrency: str | None
    referenceSymbol: str | None
    maxOrderQty: int | None
    lotSize: int | None
    tickSize: Decimal | None  # exact: the text is a decimal fraction, a float is not
    multiplier: int | None
    isQuanto: bool
    isInverse: bool
    initMargin: float | None
    makerFee: float | None
    takerFee: float | None
    settlementFee: float | None
    markPrice: float | None
    lastPrice: float | None
    indicativeSettlePrice: float | None
    settledPrice: float | None
    openInterest: int | None
    fundingInterval: str | None


class OrderRow(TypedDict, total=False):
    """An order of ours; ``error`` stands in answers to cancels only."""

    orderID: str
    clOrdID: str | None
    account: int
    symbol: str | None
    side: str | None
    orderQty: int | None
    price: float | None
    ordStatus: str | None
    ordRejReason: str | None
    leavesQty: int | None
    cumQty: int | None
    text: str | None
    error: str | None


class ExecutionRow(TypedDict, total=False):
    """An execution report."""

    execID: str
    execType: str | None
    orderID: str | None
    clOrdID: str | None
    account: int
    symbol: str | None
    side: str | None
    lastQty: int | None
    lastPx: float | None
    lastLiquidityInd: str | None
    execCost: int | None
    execComm: int | None
    text: str | None
    transactTime: str | None


class PositionRow(TypedDict, total=False):
    """A position."""

    account: int
    symbol: str
    currency: str | None
    strategy: str | None
    currentQty: int | None
    unrealisedCost: int | None
    avgEntryPrice: float | None
    liquidationPrice: float | None


class MarginRow(TypedDict, total=False):
    """Margin in one currency."""

    account: int
    currency: str
    walletBalance: int | None
    marginBalance: int | None
    availableMargin: int | None


class WalletRow(TypedDict, total=False):
    """A wallet; the loan columns are the bundled exchange's own."""

    account: int
    currency: str
    amount: int | None
    borrowed: int | None
    interestOwed: int | None


class SettlementRow(TypedDict, total=False):
    """A settlement."""

    timestamp: str
    symbol: str
    settledPrice: float | None


class TransactionRow(TypedDict, total=False):
    """A line of the wallet's history."""

    transactID: str
    currency: str
    transactType: str
    amount: int
    fee: int | None
    transactStatus: str
    address: str | None
    text: str | None
    transactTime: str | None
    walletBalance: int | None


class BookRow(msgspec.Struct):
    """A level of a book; updates may leave out the price, deletes the size."""

    symbol: str
    id: int
    side: str
    size: int | None = None
    price: float | None = None
