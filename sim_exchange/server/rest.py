"""The route table of the REST interface: ``ROUTES[method, path]`` names the handler."""

from sim_exchange.server import (
    announcements,
    liquidations,
    loans,
    orders,
    positions,
    quality,
    reads,
    wallets,
)
from sim_exchange.server.help import websocket_help
from sim_exchange.server.requests import Route

BASE = "/api/v1"

_PUBLIC = {
    "": reads.root,
    "/": reads.root,
    "/announcement": announcements.announcements,
    "/announcement/urgent": announcements.urgent_announcements,
    "/instrument": reads.instruments,
    "/instrument/active": reads.instrument_active,
    "/instrument/indices": reads.instrument_indices,
    "/instrument/activeAndIndices": reads.active_and_indices,
    "/instrument/activeIntervals": reads.active_intervals,
    "/wallet/assets": reads.assets,
    "/wallet/networks": wallets.networks,
    "/user/minWithdrawalFee": wallets.min_withdrawal_fee,
    "/loan/book": loans.loan_book,
    "/orderBook/L2": reads.order_book_l2,
    "/quote": reads.quotes,
    "/trade": reads.trades,
    "/trade/bucketed": reads.trade_bins,
    "/settlement": reads.settlements,
    "/funding": reads.fundings,
    "/liquidation": liquidations.liquidations,
    "/insurance": liquidations.insurance,
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
    "/user/wallet": wallets.wallet,
    "/user/walletHistory": wallets.wallet_history,
    "/user/walletSummary": wallets.wallet_summary,
    "/user/depositAddress": wallets.deposit_address,
    "/user/depositAddressInformation": wallets.deposit_address_information,
    "/user/getWalletTransferAccounts": wallets.transfer_accounts,
    "/loan": loans.loans,
    "/user/commission": reads.commission,
    "/user/quoteFillRatio": quality.quote_fill_ratio,
    "/user/quoteValueRatio": quality.quote_value_ratio,
}

ROUTES: dict[tuple[str, str], Route] = {
    **{("GET", BASE + path): Route(handler) for path, handler in _PUBLIC.items()},
    **{("GET", BASE + path): Route(handler, True) for path, handler in _PRIVATE.items()},
    ("POST", "/api/v1/order"): Route(
        orders.place_order, True, "order", queued=True, exempt=orders.closes_whole
    ),
    ("PUT", "/api/v1/order"): Route(orders.amend_order, True, "order", queued=True),
    ("DELETE", "/api/v1/order"): Route(
        orders.cancel_orders, True, "orderCancel", True, queued=True, exempt=orders.always
    ),
    ("DELETE", "/api/v1/order/all"): Route(
        orders.cancel_all, True, "orderCancel", True, queued=True, exempt=orders.always
    ),
    ("POST", "/api/v1/order/bulk"): Route(
        orders.place_bulk, True, "order", False, orders.bulk_tokens, queued=True
    ),
    ("PUT", "/api/v1/order/bulk"): Route(
        orders.amend_bulk, True, "order", False, orders.bulk_tokens, queued=True
    ),
    ("POST", "/api/v1/order/closePosition"): Route(
        orders.close_position, True, "order", queued=True, exempt=orders.always
    ),
    ("POST", "/api/v1/order/cancelAllAfter"): Route(
        orders.cancel_all_after, True, "orderCancel", queued=True, exempt=orders.always
    ),
    ("POST", "/api/v1/position/leverage"): Route(
        positions.set_leverage, True, "order", queued=True
    ),
    ("POST", "/api/v1/position/isolate"): Route(positions.isolate, True, "order", queued=True),
    ("POST", "/api/v1/position/riskLimit"): Route(
        positions.set_risk_limit, True, "order", queued=True
    ),
    ("POST", "/api/v1/position/transferMargin"): Route(
        positions.transfer_margin, True, "order", queued=True
    ),
    ("POST", "/api/v1/user/requestWithdrawal"): Route(wallets.request_withdrawal, True, "withdraw"),
    ("POST", "/api/v1/user/confirmWithdrawal"): Route(wallets.confirm_withdrawal),
    ("POST", "/api/v1/user/cancelWithdrawal"): Route(wallets.cancel_withdrawal),
    ("DELETE", "/api/v1/user/withdrawal"): Route(wallets.delete_withdrawal, True, "withdraw"),
    ("POST", "/api/v1/user/walletTransfer"): Route(wallets.transfer, True, "withdraw"),
    # Ours, not the venue's (docs/howto-loans.md).
    ("POST", "/api/v1/loan"): Route(loans.post_offer, True, "order"),
    ("DELETE", "/api/v1/loan"): Route(loans.cancel_offer, True, "order"),
    ("POST", "/api/v1/loan/maxRate"): Route(loans.set_max_rate, True, "order"),
    ("POST", "/api/v1/user/logout"): Route(reads.logout, True, "", True),
}
"""What answers a method and path; anything else is 404."""
