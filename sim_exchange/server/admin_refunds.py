"""The operator's refund of what a bad print liquidated, paid by the exchange itself (E9)."""

from sim_exchange.core.commands import RefundLiquidations
from sim_exchange.core.events import WalletChanged
from sim_exchange.core.types import Cause
from sim_exchange.server.admin_accounts import account_number
from sim_exchange.server.admin_fixings import tradable
from sim_exchange.server.admin_input import Fields, check, instant, mark_units
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row


def refund(venue: Venue, fields: Fields) -> Row:
    """POST /refund: pay those whom takeovers of a time cost more than at a reference price.

    Each takeover is paid for once; ``accounts``, by name, are the only ones, all when absent.
    """
    fields.only("symbol", "from", "until", "reference", "accounts")
    symbol = tradable(venue, fields)
    spec = venue.exchange.markets[symbol].spec
    reference = mark_units("reference", fields.values.get("reference"), spec.mark_decimals)
    names = fields.words("accounts") or ()
    command = RefundLiquidations(
        symbol=symbol,
        from_ns=instant("from", fields.values.get("from")),
        until_ns=instant("until", fields.values.get("until")),
        reference=reference,
        accounts=tuple(account_number(venue, "accounts", name) for name in names),
    )
    events = check(venue.submit(command), "until", fields.values.get("until"))
    paid = [e for e in events if isinstance(e, WalletChanged) and e.cause is Cause.REFUND]
    accounts = venue.exchange.accounts
    return {
        "symbol": symbol,
        "currency": spec.settl_currency,
        "refunds": [{"name": accounts[e.account].name, "amount": e.amount} for e in paid],
    }
