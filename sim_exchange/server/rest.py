"""The route table of the REST interface: ``ROUTES[method, path]`` names the handler."""

from sim_exchange.server import orders, positions, reads
from sim_exchange.server.help import websocket_help
from sim_exchange.server.requests import Route

BASE = "/api/v1"

_PUBLIC = {
    "": reads.root,
    "/": reads.root,
    "/announcement": reads.nothing,
    "/announcement/urgent": reads.nothing,
    "/instrument": reads.instruments,
    "/instrument/active": reads.instrument_active,
    "/instrument/indices": reads.instrument_indices,
    "/instrument/activeAndIndices": reads.active_and_indices,
    "/instrument/activeIntervals": reads.active_intervals,
    "/wallet/assets": reads.assets,
    "/orderBook/L2": reads.order_book_l2,
    "/quote": reads.quotes,
    "/trade": reads.trades,
    "/trade/bucketed": reads.trade_bins,
    "/settlement": reads.settlements,
    "/stats": reads.stats,
    "/schema": reads.schema,
    "/schema/websocketHelp": websocket_help,
}
_PRIVATE = {
    "/order": reads.orders,
    "/execution": reads.executions,
    "/execution/tradeHistory": reads.trade_history,
    "/position": reads.positions,
    "/user": reads.user,
    "/user/margin": reads.margin,
    "/user/wallet": reads.wallet,
    "/user/walletHistory": reads.wallet_history,
    "/user/commission": reads.commission,
}

ROUTES: dict[tuple[str, str], Route] = {
    **{("GET", BASE + path): Route(handler) for path, handler in _PUBLIC.items()},
    **{("GET", BASE + path): Route(handler, True) for path, handler in _PRIVATE.items()},
    ("POST", "/api/v1/order"): Route(orders.place_order, True, "order"),
    ("PUT", "/api/v1/order"): Route(orders.amend_order, True, "order"),
    ("DELETE", "/api/v1/order"): Route(orders.cancel_orders, True, "orderCancel", True),
    ("DELETE", "/api/v1/order/all"): Route(orders.cancel_all, True, "orderCancel", True),
    ("POST", "/api/v1/order/bulk"): Route(
        orders.place_bulk, True, "order", False, orders.bulk_tokens
    ),
    ("PUT", "/api/v1/order/bulk"): Route(
        orders.amend_bulk, True, "order", False, orders.bulk_tokens
    ),
    ("POST", "/api/v1/order/closePosition"): Route(orders.close_position, True, "order"),
    ("POST", "/api/v1/order/cancelAllAfter"): Route(orders.cancel_all_after, True, "orderCancel"),
    ("POST", "/api/v1/position/leverage"): Route(positions.set_leverage, True, "order"),
    ("POST", "/api/v1/position/isolate"): Route(positions.isolate, True, "order"),
    ("POST", "/api/v1/position/riskLimit"): Route(positions.set_risk_limit, True, "order"),
    ("POST", "/api/v1/position/transferMargin"): Route(positions.transfer_margin, True, "order"),
    ("POST", "/api/v1/user/logout"): Route(reads.logout, True, "", True),
}
"""What answers a method and path; anything else is 404."""
