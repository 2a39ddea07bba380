"""Tables of the socket: keys, column types, foreign keys and attributes (protocol.md 6.4, 6.5)."""

import msgspec

from sim_exchange.wire.rows.account import MARGIN_COLUMNS, POSITION_COLUMNS, WALLET_COLUMNS
from sim_exchange.wire.rows.instrument import COLUMNS as INSTRUMENT_COLUMNS

TYPE_COLUMNS: dict[str, str] = {
    "orderBookL2": "symbol:symbol id:long side:symbol size:long price:float "
    "timestamp:timestamp transactTime:timestamp",
    "orderBook10": "symbol:symbol bids: asks: timestamp:timestamp",
    "quote": "timestamp:timestamp symbol:symbol bidSize:long bidPrice:float askPrice:float "
    "askSize:long",
    "trade": "timestamp:timestamp symbol:symbol side:symbol size:long price:float "
    "tickDirection:symbol trdMatchID:guid grossValue:long homeNotional:float "
    "foreignNotional:float trdType:symbol",
    "tradeBin": "timestamp:timestamp symbol:symbol open:float high:float low:float close:float "
    "trades:long volume:long vwap:float lastSize:long turnover:long homeNotional:float "
    "foreignNotional:float",
    "announcement": "id:long link:string title:string content:string date:timestamp kind:symbol "
    "symbol:symbol value: effective:timestamp supersedes:long supersededBy:long state:symbol "
    "fault:string",
    "publicNotifications": "id:long date:timestamp title:string body:string ttl:long type:symbol "
    "closable:boolean persist:boolean waitForVisibility:boolean sound:symbol",
    "funding": "timestamp:timestamp symbol:symbol fundingInterval:timespan fundingRate:float "
    "fundingRateDaily:float",
    "liquidation": "orderID:guid symbol:symbol side:symbol price:float leavesQty:long",
    "insurance": "currency:symbol timestamp:timestamp walletBalance:long",
    "settlement": "timestamp:timestamp symbol:symbol settlementType:symbol settledPrice:float "
    "optionStrikePrice:float optionUnderlyingPrice:float bankrupt:long taxBase:long taxRate:float",
    "order": "orderID:guid clOrdID:string clOrdLinkID:symbol account:long symbol:symbol "
    "side:symbol simpleOrderQty:float orderQty:long price:float displayQty:long stopPx:float "
    "pegOffsetValue:float pegPriceType:symbol currency:symbol settlCurrency:symbol ordType:symbol "
    "timeInForce:symbol execInst:symbol contingencyType:symbol exDestination:symbol "
    "ordStatus:symbol triggered:symbol workingIndicator:boolean ordRejReason:symbol "
    "simpleLeavesQty:float leavesQty:long simpleCumQty:float cumQty:long avgPx:float "
    "multiLegReportingType:symbol text:string transactTime:timestamp timestamp:timestamp",
    "execution": "execID:guid orderID:guid clOrdID:string clOrdLinkID:symbol account:long "
    "symbol:symbol side:symbol lastQty:long lastPx:float underlyingLastPx:float lastMkt:symbol "
    "lastLiquidityInd:symbol simpleOrderQty:float orderQty:long price:float displayQty:long "
    "stopPx:float pegOffsetValue:float pegPriceType:symbol currency:symbol settlCurrency:symbol "
    "execType:symbol ordType:symbol timeInForce:symbol execInst:symbol contingencyType:symbol "
    "exDestination:symbol ordStatus:symbol triggered:symbol workingIndicator:boolean "
    "ordRejReason:symbol simpleLeavesQty:float leavesQty:long simpleCumQty:float cumQty:long "
    "avgPx:float commission:float tradePublishIndicator:symbol multiLegReportingType:symbol "
    "text:string trdMatchID:guid execCost:long execComm:long homeNotional:float "
    "foreignNotional:float transactTime:timestamp timestamp:timestamp",
}

_INSTRUMENT_LEGS = {"inverseLeg": "instrument", "sellLeg": "instrument", "buyLeg": "instrument"}
_BY_SYMBOL = {"symbol": "instrument"}
_BY_SIDE = {"symbol": "instrument", "side": "side"}
_BY_STATUS = {"symbol": "instrument", "side": "side", "ordStatus": "ordStatus"}
_BY_TIME = {"timestamp": "sorted", "symbol": "grouped"}

_TIMES = frozenset(
    {
        "listing",
        "front",
        "expiry",
        "settle",
        "listedSettle",
        "fundingTimestamp",
        "rebalanceTimestamp",
        "openingTimestamp",
        "closingTimestamp",
        "publishTime",
        "timestamp",
        "currentTimestamp",
        "prevTimestamp",
    }
)
_SPANS = frozenset(
    {
        "relistInterval",
        "calcInterval",
        "publishInterval",
        "fundingInterval",
        "rebalanceInterval",
        "sessionInterval",
    }
)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What a partial says of its table, and who may subscribe to it."""

    name: str
    keys: tuple[str, ...] = ()
    types: str = ""
    foreign: dict[str, str] = {}
    attributes: dict[str, str] = {}
    private: bool = False
    by_symbol: bool = True
    """Whether ``name:SYMBOL`` may be asked for."""


def _book(name: str) -> Table:
    return Table(
        name=name,
        keys=("symbol", "id", "side"),
        types="orderBookL2",
        foreign=_BY_SIDE,
        attributes={"symbol": "parted", "id": "sorted"},
    )


def _bin(name: str) -> Table:
    return Table(name=name, types="tradeBin", foreign=_BY_SYMBOL, attributes=_BY_TIME)


def _news(name: str) -> Table:
    return Table(name=name, keys=("id",), types=name, attributes={"id": "sorted"}, by_symbol=False)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            name="instrument",
            keys=("symbol",),
            types="instrument",
            foreign=_INSTRUMENT_LEGS,
            attributes={"symbol": "unique"},
        ),
        _book("orderBookL2"),
        _book("orderBookL2_25"),
        Table(
            name="orderBook10",
            keys=("symbol",),
            types="orderBook10",
            foreign=_BY_SYMBOL,
            attributes={"symbol": "sorted"},
        ),
        Table(name="quote", types="quote", foreign=_BY_SYMBOL, attributes=_BY_TIME),
        Table(name="trade", types="trade", foreign=_BY_SIDE, attributes=_BY_TIME),
        _bin("tradeBin1m"),
        _bin("tradeBin5m"),
        _bin("tradeBin1h"),
        _bin("tradeBin1d"),
        Table(
            name="funding",
            keys=("timestamp", "symbol"),
            types="funding",
            foreign=_BY_SYMBOL,
            attributes=_BY_TIME,
        ),
        Table(
            name="settlement",
            keys=("timestamp", "symbol"),
            types="settlement",
            foreign=_BY_SYMBOL,
            attributes=_BY_TIME,
        ),
        Table(
            name="liquidation",
            keys=("orderID",),
            types="liquidation",
            foreign=_BY_SIDE,
            attributes={"orderID": "unique"},
        ),
        Table(
            name="insurance",
            keys=("currency", "timestamp"),
            types="insurance",
            attributes={"currency": "sorted", "timestamp": "sorted"},
            by_symbol=False,
        ),
        _news("announcement"),
        _news("publicNotifications"),
        Table(
            name="order",
            keys=("orderID",),
            types="order",
            foreign=_BY_STATUS,
            attributes={
                "orderID": "grouped",
                "account": "grouped",
                "ordStatus": "grouped",
                "workingIndicator": "grouped",
            },
            private=True,
        ),
        Table(
            name="execution",
            keys=("execID",),
            types="execution",
            foreign=_BY_STATUS,
            attributes={
                "execID": "grouped",
                "account": "grouped",
                "execType": "grouped",
                "transactTime": "sorted",
            },
            private=True,
        ),
        Table(
            name="position",
            keys=("account", "symbol", "currency"),
            types="position",
            foreign=_BY_SYMBOL,
            attributes={
                "account": "sorted",
                "symbol": "grouped",
                "currency": "grouped",
                "underlying": "grouped",
                "quoteCurrency": "grouped",
            },
            private=True,
        ),
        Table(
            name="margin",
            keys=("account", "currency"),
            types="margin",
            attributes={"account": "sorted", "currency": "grouped"},
            private=True,
            by_symbol=False,
        ),
        Table(
            name="wallet",
            keys=("account", "currency"),
            types="wallet",
            attributes={"account": "sorted", "currency": "grouped"},
            private=True,
            by_symbol=False,
        ),
    )
}
"""Every table that can be subscribed to, by its name on the wire."""

BIN_TABLES = {"tradeBin1m": "1m", "tradeBin5m": "5m", "tradeBin1h": "1h", "tradeBin1d": "1d"}
"""Size of the bins that a table carries."""

INSTRUMENT_GROUPS = ("CONTRACTS", "INDICES", "DERIVATIVES", "SPOT")
"""What ``instrument:GROUP`` may name besides a symbol."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYMBOLS = _words(
    "symbol rootSymbol state typ underlying quoteCurrency underlyingSymbol reference "
    "referenceSymbol settlCurrency positionCurrency inverseLeg sellLeg buyLeg fairMethod "
    "markMethod lastTickDirection currency posState prevState action fundingBaseSymbol "
    "fundingQuoteSymbol fundingPremiumSymbol addr script"
)
_FLOATS = _words(
    "tickSize minTick maxPrice initMargin maintMargin limit makerFee takerFee settlementFee "
    "insuranceFee fundingRate indicativeFundingRate prevClosePrice limitDownPrice limitUpPrice "
    "bankruptLimitDownPrice bankruptLimitUpPrice homeNotional24h foreignNotional24h prevPrice24h "
    "vwap highPrice lowPrice lastPrice lastPriceProtected lastChangePcnt bidPrice midPrice "
    "askPrice impactBidPrice impactMidPrice impactAskPrice fairBasisRate fairBasis fairPrice "
    "markPrice indicativeTaxRate indicativeSettlePrice optionUnderlyingPrice settledPrice "
    "settledPriceAdjustmentRate optionStrikePcnt optionStrikeRound optionStrikePrice "
    "optionMultiplier commission initMarginReq maintMarginReq leverage deleveragePercentile "
    "homeNotional foreignNotional unrealisedPnlPcnt unrealisedRoePcnt simpleQty simpleCost "
    "simpleValue simplePnl simplePnlPcnt avgCostPrice avgEntryPrice breakEvenPrice "
    "marginCallPrice liquidationPrice bankruptPrice marginBalancePcnt marginLeverage "
    "marginUsedPcnt excessMarginPcnt"
)
_BOOLEANS = _words(
    "isQuanto isInverse capped taxed deleverage hasLiquidity instantPnl isOpen crossMargin"
)


ROW_COLUMNS: dict[str, tuple[str, ...]] = {
    "instrument": INSTRUMENT_COLUMNS,
    "position": POSITION_COLUMNS,
    "margin": MARGIN_COLUMNS,
    "wallet": WALLET_COLUMNS,
}
"""Columns of the tables whose types follow from their names."""


def type_of(column: str) -> str:
    """Name the type of a column of ``instrument``, ``position``, ``margin`` or ``wallet``."""
    if column in _TIMES:
        return "timestamp"
    if column in _SPANS:
        return "timespan"
    if column in _SYMBOLS:
        return "symbol"
    if column in _FLOATS:
        return "float"
    return "boolean" if column in _BOOLEANS else "long"


def types_of(table: Table) -> dict[str, str]:
    """Return the types of a table's columns, in order."""
    listed = TYPE_COLUMNS.get(table.types)
    if listed is None:
        return {column: type_of(column) for column in ROW_COLUMNS[table.types]}
    pairs = (item.partition(":") for item in listed.split())
    return {name: kind for name, _, kind in pairs}
