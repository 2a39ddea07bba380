"""Handlers that only read: market data, orders, executions, accounts (protocol.md 2)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import dropwhile, takewhile
from operator import attrgetter
from typing import Any, TypeVar

from sim_exchange.core.types import DAY_NS, Kind, State
from sim_exchange.core.views import MarketLike, OrderLike
from sim_exchange.errors import BadRequestError
from sim_exchange.history import BIN_NS, Bin, Execution
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.numbers import ppm_number
from sim_exchange.wire.parse import flag_of, quantity_of, text_of
from sim_exchange.wire.query import FAR_FUTURE_NS, TableQuery, pick, read_query, select
from sim_exchange.wire.rows import Row
from sim_exchange.wire.tables import TABLES, types_of

_T = TypeVar("_T")

MOST_TRADES = 1_000
_SYMBOL_KEYS = ("symbol",)
_TIME_KEYS = ("timestamp", "symbol")
_at_ns = attrgetter("at_ns")


def root(venue: Venue, _request: Request) -> Row:
    """GET /: name, version and the exchange's clock in ms."""
    return {
        "name": "BitMEX API",
        "version": "1.2.0",
        "timestamp": venue.now_ns() // 10**6,
    }


def logout(_venue: Venue, _request: Request) -> None:
    """POST /user/logout: keys have no session to end."""
    return


def _exact(venue: Venue, query: TableQuery) -> str | None:
    """Return the exact symbol that a query names, None when it names none."""
    wanted = query.symbol
    if wanted is None:
        named = query.conditions.get("symbol")
        wanted = named if isinstance(named, str) else None
    if wanted is None:
        return None
    # A filter's symbol need not exist: then no row has it.
    return venue.catalogue.resolve(wanted) or wanted


def instruments(venue: Venue, request: Request) -> list[Row]:
    """GET /instrument: all, settled and indices too, in symbolIdx order."""
    query = read_query(request.params)
    symbol = _exact(venue, query)
    rows = [row for _, row in venue.instrument_rows()]
    if symbol is not None:
        rows = [row for row in rows if row["symbol"] == symbol]
        conditions = {k: v for k, v in query.conditions.items() if k != "symbol"}
    else:
        conditions = dict(query.conditions)
    ordered = reversed(rows) if query.reverse else iter(rows)
    plain = TableQuery(
        None, conditions, query.columns, query.count, query.start, query.reverse, 0, FAR_FUTURE_NS
    )
    return select(ordered, dict, plain, _SYMBOL_KEYS)


def _is_active(market: MarketLike, now_ns: int) -> bool:
    if market.state is State.OPEN:
        return True
    expiry = market.spec.expiry_ns
    return expiry is not None and market.state is State.SETTLED and now_ns < expiry + DAY_NS


def active_rows(venue: Venue) -> list[Row]:
    """Rows of /instrument/active: a perpetual first, for a client that needs one there (3.2)."""
    now = venue.now_ns()
    active = [m for m in venue.exchange.markets.values() if _is_active(m, now)]
    active.sort(key=lambda market: (market.spec.typ != "FFWCSX", market.index))
    return [venue.instruments.market(m, venue.history.stats_of(m.spec.symbol), now) for m in active]


def index_rows(venue: Venue) -> list[Row]:
    """Rows of all indices."""
    return [venue.index_row(symbol) for symbol in venue.exchange.indices]


def instrument_active(venue: Venue, request: Request) -> list[Row]:
    """GET /instrument/active."""
    return pick(active_rows(venue), read_query(request.params).columns, _SYMBOL_KEYS)


def instrument_indices(venue: Venue, request: Request) -> list[Row]:
    """GET /instrument/indices."""
    return pick(index_rows(venue), read_query(request.params).columns, _SYMBOL_KEYS)


def active_and_indices(venue: Venue, request: Request) -> list[Row]:
    """GET /instrument/activeAndIndices."""
    rows = active_rows(venue) + index_rows(venue)
    return pick(rows, read_query(request.params).columns, _SYMBOL_KEYS)


def active_intervals(venue: Venue, _request: Request) -> Row:
    """GET /instrument/activeIntervals: the same position in both lists."""
    pairs = venue.catalogue.intervals()
    return {"intervals": [name for name, _ in pairs], "symbols": [symbol for _, symbol in pairs]}


def order_book_l2(venue: Venue, request: Request) -> list[Row]:
    """GET /orderBook/L2: depth per side, 0 = all."""
    market = venue.catalogue.market(request.params.get("symbol"))
    depth = quantity_of(request.params, "depth")
    if depth is None:
        depth = 25
    if depth < 0:
        raise BadRequestError("Invalid depth")
    return venue.market_rows.book(market, depth, venue.exchange.now_ns)


def _timed(items: Iterable[_T], query: TableQuery, *, newest_first: bool) -> Iterator[_T]:
    """Cut items that come in the order of their ``at_ns`` to the wanted times."""
    start, end = query.start_ns, query.end_ns
    if newest_first:
        later = dropwhile(lambda item: _at_ns(item) > end, items)
        return takewhile(lambda item: _at_ns(item) >= start, later)
    later = dropwhile(lambda item: _at_ns(item) < start, items)
    return takewhile(lambda item: _at_ns(item) <= end, later)


def _ordered(
    groups: Mapping[str, deque[_T]], symbol: str | None, query: TableQuery
) -> Iterator[_T]:
    """Yield records of a symbol or of all, in the wanted order and times."""
    if symbol is not None:
        one = groups.get(symbol, deque())
        items: Iterable[_T] = reversed(one) if query.reverse else iter(one)
    elif query.reverse:
        items = merge(*(reversed(group) for group in groups.values()), key=_at_ns, reverse=True)
    else:
        items = merge(*groups.values(), key=_at_ns)
    return _timed(items, query, newest_first=query.reverse)


def trades(venue: Venue, request: Request) -> list[Row]:
    """GET /trade."""
    query = read_query(request.params, most=MOST_TRADES)
    items = _ordered(venue.history.trades, _exact(venue, query), query)
    return select(items, venue.market_rows.trade, query, _TIME_KEYS)


def quotes(venue: Venue, request: Request) -> list[Row]:
    """GET /quote: every change of the touch."""
    query = read_query(request.params)
    items = _ordered(venue.history.quotes, _exact(venue, query), query)
    return select(items, venue.market_rows.quote, query, _TIME_KEYS)


def trade_bins(venue: Venue, request: Request) -> list[Row]:
    """GET /trade/bucketed: bins by their end, empty ones too."""
    query = read_query(request.params, most=MOST_TRADES)
    name = text_of(request.params, "binSize") or "1m"
    if name not in BIN_NS:
        raise BadRequestError("Invalid binSize")
    partial = flag_of(request.params, "partial")
    symbol = _exact(venue, query)
    now = venue.exchange.now_ns
    chosen = [
        bins.between(
            name,
            query.start_ns,
            query.end_ns,
            now_ns=now,
            partial=partial,
            reverse=query.reverse,
        )
        for bins in (
            venue.history.bins.values()
            if symbol is None
            else filter(None, [venue.history.bins.get(symbol)])
        )
    ]
    items: Iterator[Bin] = iter(merge(*chosen, key=attrgetter("end_ns"), reverse=query.reverse))
    return select(items, venue.market_rows.bin, query, _TIME_KEYS)


def fundings(venue: Venue, request: Request) -> list[Row]:
    """GET /funding."""
    query = read_query(request.params)
    stored = venue.history.fundings
    items = _timed(reversed(stored) if query.reverse else stored, query, newest_first=query.reverse)
    symbol = _exact(venue, query)
    wanted = (item for item in items if symbol is None or item.symbol == symbol)
    return select(wanted, venue.market_rows.funding, query, _TIME_KEYS)


def settlements(venue: Venue, request: Request) -> list[Row]:
    """GET /settlement."""
    query = read_query(request.params)
    stored = venue.history.settlements
    items = _timed(reversed(stored) if query.reverse else stored, query, newest_first=query.reverse)
    symbol = _exact(venue, query)
    wanted = (item for item in items if symbol is None or item.symbol == symbol)
    return select(wanted, venue.market_rows.settlement, query, _TIME_KEYS)


def stats(venue: Venue, _request: Request) -> list[Row]:
    """GET /stats: a row a root and currency, then the totals a currency."""
    sums: dict[tuple[str, str], list[int]] = {}
    now = venue.now_ns()
    for symbol, market in venue.exchange.markets.items():
        spec = market.spec
        day = venue.history.stats_of(symbol).day(now)
        for name in (spec.root or spec.underlying, "Total"):
            row = sums.setdefault((name, spec.settl_currency), [0, 0, 0, 0])
            row[0] += day.volume
            row[1] += day.turnover
            row[2] += market.open_interest
            row[3] += market.open_value
    ordered = sorted(sums.items(), key=lambda pair: (pair[0][0] == "Total", pair[0]))
    return [
        {
            "rootSymbol": name,
            "currency": currency,
            "volume24h": row[0],
            "turnover24h": row[1],
            "openInterest": row[2],
            "openValue": row[3],
        }
        for (name, currency), row in ordered
    ]


def schema(_venue: Venue, request: Request) -> Row:
    """GET /schema: keys and types of the tables."""
    wanted = text_of(request.params, "model")
    described: Row = {
        name: {"keys": list(table.keys), "types": types_of(table)} for name, table in TABLES.items()
    }
    if wanted and wanted not in described:
        raise BadRequestError("Invalid model")
    return {wanted: described[wanted]} if wanted else described


def assets(venue: Venue, _request: Request) -> list[Row]:
    """GET /wallet/assets: a row for every currency with a wallet or margin (2.6)."""
    return [venue.asset_row(currency) for currency in venue.currencies()]


def orders(venue: Venue, request: Request) -> list[Row]:
    """GET /order: open and ended ones, oldest first."""
    query = read_query(request.params)
    account = request.account
    symbol = _exact(venue, query)
    found: dict[int, OrderLike] = {}
    conditions = query.conditions
    only_open = conditions.get("open") is True or (
        conditions.get("ordStatus.isTerminated") is False
    )
    if not only_open:
        past = venue.history.accounts.get(account)
        if past is not None:
            found.update(past.ended)
    found.update({order.order_id: order for order in venue.exchange.open_orders(account)})
    numbers = sorted(found, reverse=query.reverse)
    wanted = (
        found[number]
        for number in numbers
        if (symbol is None or found[number].symbol == symbol)
        and query.start_ns <= found[number].at_ns <= query.end_ns
    )
    return select(wanted, venue.orders.order, query, ("orderID", "account", "symbol"))


def _executions(venue: Venue, request: Request, *, balance_only: bool) -> list[Row]:
    query = read_query(request.params)
    past = venue.history.accounts.get(request.account)
    if past is None:
        return []
    stored = past.balance_executions if balance_only else past.executions
    symbol = _exact(venue, query)
    start, end = query.start_ns, query.end_ns
    items: Iterable[Execution] = reversed(stored) if query.reverse else stored
    wanted = (
        item
        for item in items
        if start <= item.event.at_ns <= end and (symbol is None or item.event.symbol == symbol)
    )
    rows = venue.orders
    return select(
        wanted, lambda item: rows.execution(item.event, item.facts), query, ("execID", "symbol")
    )


def executions(venue: Venue, request: Request) -> list[Row]:
    """GET /execution: every report."""
    return _executions(venue, request, balance_only=False)


def trade_history(venue: Venue, request: Request) -> list[Row]:
    """GET /execution/tradeHistory: what moved the balance."""
    return _executions(venue, request, balance_only=True)


def positions(venue: Venue, request: Request) -> list[Row]:
    """GET /position: every symbol ever touched, flat ones too."""
    query = read_query(request.params)
    views = venue.exchange.positions(request.account)
    symbol = _exact(venue, query)
    wanted = (view for view in views if symbol is None or view.symbol == symbol)
    return select(wanted, venue.accounts.position, query, ("account", "symbol", "currency"))


def user(venue: Venue, request: Request) -> Row:
    """GET /user."""
    return venue.accounts.user(venue.exchange.accounts[request.account])


def margin(venue: Venue, request: Request) -> Any:
    """GET /user/margin: one object, or an array for ``all``.

    The array has rows of the other coins of the wallet, too, which margin nothing: clients that
    ask for a balance read it here.
    """
    currency = venue.currency_of(request.params)
    account = request.account
    if currency != "all":
        return venue.accounts.margin(venue.exchange.margin(account, currency))
    settling = venue.exchange.margin_currencies(account)
    rows = [venue.accounts.margin(venue.exchange.margin(account, each)) for each in settling]
    rows += [
        venue.accounts.idle_margin(venue.exchange.wallet(account, each))
        for each in venue.exchange.wallet_currencies(account)
        if each not in settling
    ]
    return rows


def commission(venue: Venue, request: Request) -> Row:
    """GET /user/commission: a map by symbol."""
    rows: Row = {}
    chosen = venue.exchange.accounts[request.account].fee_plan
    for symbol, market in venue.exchange.markets.items():
        if market.state is not State.OPEN:
            continue
        spec = market.spec
        plan = spec.fee_plan(chosen)
        maker = spec.maker_fee_ppm if plan is None else plan.maker_ppm
        taker = spec.taker_fee_ppm if plan is None else plan.taker_ppm
        rows[symbol] = {
            "makerFee": ppm_number(maker),
            "takerFee": ppm_number(taker),
            "settlementFee": 0 if spec.kind is Kind.SPOT else ppm_number(spec.settlement_fee_ppm),
            "maxFee": ppm_number(max(maker, taker)),
        }
    return rows
