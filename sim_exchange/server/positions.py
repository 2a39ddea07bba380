"""Handlers of what an account chooses for a position (protocol.md 2.2, 5.5): its row is the answer.

Amounts and risk limits are minor units of the contract's settlement currency.
"""

from collections.abc import Callable

from sim_exchange.core.commands import (
    AnyCommand,
    IsolateMargin,
    SetLeverage,
    SetRiskLimit,
    TransferMargin,
)
from sim_exchange.core.events import Refused
from sim_exchange.errors import BadRequestError
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.numbers import to_decimal, to_integer
from sim_exchange.wire.parse import flag_of
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import refusal

_MOST_MONEY = 2**62


def set_leverage(venue: Venue, request: Request) -> Row:
    """POST /position/leverage: 0.01 to 100 isolates, 0 crosses."""
    value = to_decimal(request.params.get("leverage"))
    if value is None or not 0 <= value <= 100:
        raise BadRequestError("Invalid leverage")
    cents = int((value * 100).to_integral_value())
    if value and not cents:
        raise BadRequestError("Invalid leverage")  # 0 would cross, which was not asked for
    account = request.account
    return _chosen(
        venue,
        request,
        lambda symbol: SetLeverage(account=account, symbol=symbol, leverage_cents=cents),
    )


def isolate(venue: Venue, request: Request) -> Row:
    """POST /position/isolate: isolate at the leverage that is shown, or cross."""
    account, enabled = request.account, flag_of(request.params, "enabled", True)
    return _chosen(
        venue,
        request,
        lambda symbol: IsolateMargin(account=account, symbol=symbol, enabled=enabled),
    )


def set_risk_limit(venue: Venue, request: Request) -> Row:
    """POST /position/riskLimit: the contract's base limit and whole steps."""
    account, limit = request.account, _money(request, "riskLimit")
    return _chosen(
        venue,
        request,
        lambda symbol: SetRiskLimit(account=account, symbol=symbol, risk_limit=limit),
    )


def transfer_margin(venue: Venue, request: Request) -> Row:
    """POST /position/transferMargin: into an isolated position; a negative amount out of it."""
    account, amount = request.account, _money(request, "amount")
    return _chosen(
        venue,
        request,
        lambda symbol: TransferMargin(account=account, symbol=symbol, amount=amount),
    )


def _money(request: Request, name: str) -> int:
    value = to_integer(request.params.get(name))
    if value is None or abs(value) > _MOST_MONEY:
        raise BadRequestError(f"Invalid {name}")
    return value


def _chosen(venue: Venue, request: Request, command: Callable[[str], AnyCommand]) -> Row:
    """Submit a command about a contract, and answer with the position's row."""
    spec = venue.catalogue.market(request.params.get("symbol")).spec
    for event in venue.submit(command(spec.symbol)):
        if type(event) is Refused:
            raise refusal(event.reason, event.detail, currency=spec.settl_currency, field="symbol")
    view = venue.exchange.position(request.account, spec.symbol)
    if view is None:
        raise RuntimeError(f"{spec.symbol} of {request.account} was chosen for, but has no row")
    return venue.accounts.position(view)
