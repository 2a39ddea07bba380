"""The operator's snapshot at a chain split: who gets how many of the minor coin (E18)."""

from sim_exchange.core.commands import TakeSnapshot
from sim_exchange.server.admin_input import Fields, check, currency_code
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row


def snapshot(venue: Venue, fields: Fields) -> Row:
    """POST /snapshot: ``{"currency": "XBt", "coin": "BCH"}``: a coin for each margin balance.

    ``"deposits": true`` lets the new coin be deposited as well as withdrawn.
    """
    fields.only("currency", "coin", "deposits")
    coin = currency_code("coin", fields.values.get("coin"))
    command = TakeSnapshot(
        currency=currency_code("currency", fields.values.get("currency")),
        coin=coin,
        deposits=fields.flag("deposits"),
    )
    check(venue.submit(command), "coin", coin)
    return {"coin": coin, "balances": _balances(venue, coin)}


def _balances(venue: Venue, currency: str) -> dict[str, int]:
    exchange = venue.exchange
    amounts = {
        account.name: exchange.wallet(account.account_id, currency).amount
        for account in exchange.accounts.values()
        if account.account_id
    }
    return {name: amount for name, amount in amounts.items() if amount}
