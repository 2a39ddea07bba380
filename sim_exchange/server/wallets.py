"""Handlers of wallets: what happened to them, withdrawals, deposits, transfers (protocol.md 2.4).

A withdrawal is mailed to its owner with a token; whoever has the token may confirm or cancel it, as
the venue's routes need no key for that. ``GET /admin/v1/account/NAME`` shows the mail.
"""

from collections import deque
from collections.abc import Iterator
from hmac import compare_digest
from typing import Any

from sim_exchange.core.commands import (
    CancelWithdrawal,
    Command,
    ConfirmWithdrawal,
    RequestWithdrawal,
    Transfer,
)
from sim_exchange.core.events import Refused, WalletChanged, WithdrawalChanged
from sim_exchange.core.types import Reason
from sim_exchange.errors import BadRequestError, CoreError
from sim_exchange.history import Transaction, withdrawal_number
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import MAJOR_CODES, Venue
from sim_exchange.wire.ids import IdKind, from_uuid
from sim_exchange.wire.numbers import to_integer
from sim_exchange.wire.parse import Params, quantity_of, text_of
from sim_exchange.wire.query import FAR_FUTURE_NS, TableQuery, read_query, select
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import ENGINE, wallet_refusal

MOST_TRANSACTIONS = 10_000
_COMPLETED = "Completed"


def wallet(venue: Venue, request: Request) -> Any:
    """GET /user/wallet: one object, or an array for ``all``."""
    currency = venue.currency_of(request.params)
    account = request.account
    if currency != "all":
        return venue.accounts.wallet(venue.exchange.wallet(account, currency))
    return [
        venue.accounts.wallet(venue.exchange.wallet(account, each))
        for each in venue.exchange.wallet_currencies(account)
    ]


def wallet_history(venue: Venue, request: Request) -> list[Row]:
    """GET /user/walletHistory: newest first, what is pending on top."""
    query = read_query(
        request.params, most=MOST_TRANSACTIONS, count=MOST_TRANSACTIONS, reverse=True
    )
    currency = venue.currency_of(request.params)
    account = request.account
    past = venue.history.accounts.get(account)
    stored = past.wallet.rows if past is not None else deque()
    if past is not None:
        past.wallet.close_day(venue.now_ns())
    items = reversed(stored) if query.reverse else iter(stored)
    wanted = (
        item
        for item in items
        if currency in ("all", item.currency) and query.start_ns <= item.at_ns <= query.end_ns
    )
    rows = [venue.accounts.transaction(item) for item in wanted]
    if query.end_ns == FAR_FUTURE_NS:
        pending = list(_pending(venue, account, currency))
        rows = [*pending, *rows] if query.reverse else [*rows, *reversed(pending)]
    plain = TableQuery(
        None, query.conditions, query.columns, query.count, query.start, False, 0, FAR_FUTURE_NS
    )
    return select(rows, dict, plain, ("transactID",))


def _pending(venue: Venue, account: int, currency: str) -> Iterator[Row]:
    """Yield what has not ended, newest first: unrealised profit, then withdrawals."""
    exchange = venue.exchange
    for each in exchange.margin_currencies(account):
        if currency not in ("all", each):
            continue
        view = exchange.margin(account, each)
        if view.unrealised_pnl:
            yield venue.accounts.pending(view)
    for held in reversed(exchange.withdrawals(account)):
        if currency in ("all", held.currency):
            balance = exchange.wallet(account, held.currency).amount
            yield venue.accounts.withdrawal(held, balance)


def wallet_summary(venue: Venue, request: Request) -> list[Row]:
    """GET /user/walletSummary: sums of what completed, by kind and symbol, and a total."""
    query = read_query(request.params)
    currency = venue.currency_of(request.params)
    account = request.account
    past = venue.history.accounts.get(account)
    sums: dict[tuple[str, str, str], int] = {}
    if past is not None:
        past.wallet.close_day(venue.now_ns())
        for item in past.wallet.rows:
            if currency not in ("all", item.currency) or item.status != _COMPLETED:
                continue
            if query.start_ns <= item.at_ns <= query.end_ns:
                key = (item.currency, item.kind, item.symbol)
                sums[key] = sums.get(key, 0) + item.amount
    held = venue.exchange.wallet_currencies(account) if currency == "all" else [currency]
    rows: list[Row] = []
    for each in held:
        kinds = {key: amount for key, amount in sums.items() if key[0] == each}
        for (_, kind, symbol), amount in kinds.items():
            rows.append(_summary(venue, account, each, kind, symbol, amount))
        total = _summary(venue, account, each, "Total", "", sum(kinds.values()))
        view = venue.exchange.margin(account, each)
        purse = venue.exchange.wallet(account, each)
        total["pendingDebit"] = purse.pending_debit + purse.confirmed_debit
        total["realisedPnl"] = view.realised_pnl
        total["walletBalance"] = view.wallet_balance
        total["unrealisedPnl"] = view.unrealised_pnl
        total["marginBalance"] = view.wallet_balance + view.unrealised_pnl
        rows.append(total)
    return rows


def _summary(venue: Venue, account: int, currency: str, kind: str, symbol: str, amount: int) -> Row:
    known = symbol in venue.exchange.markets
    return {
        "account": account,
        "currency": currency,
        "transactType": kind,
        "symbol": symbol if known else None,
        "amount": amount,
        "pendingDebit": 0,
        "realisedPnl": 0,
        "walletBalance": 0,
        "unrealisedPnl": 0,
        "marginBalance": 0,
    }


def networks(venue: Venue, _request: Request) -> list[Row]:
    """GET /wallet/networks: the network of each currency."""
    return [
        {"currency": currency, **venue.network_row(currency)} for currency in venue.currencies()
    ]


def min_withdrawal_fee(venue: Venue, request: Request) -> Row:
    """GET /user/minWithdrawalFee: the least that the network asks for now."""
    currency = _one_currency(venue, request.params)
    fee = venue.exchange.min_withdrawal_fee(currency)
    return {"currency": currency, "fee": fee, "minFee": fee}


def deposit_address(venue: Venue, request: Request) -> str:
    """GET /user/depositAddress: a bare text, the same for an account and currency for ever."""
    return _address(_one_currency(venue, request.params), request.account)


def deposit_address_information(venue: Venue, request: Request) -> Row:
    """GET /user/depositAddressInformation."""
    currency = _one_currency(venue, request.params)
    return {"address": _address(currency, request.account), "memo": None}


def _address(currency: str, account: int) -> str:
    # No chain stands behind it: it names the account, for whoever announces a deposit by hand.
    return f"3BMEX{MAJOR_CODES.get(currency, currency)}{account:012d}"


def request_withdrawal(venue: Venue, request: Request) -> Row:
    """POST /user/requestWithdrawal: pending until its token confirms it."""
    params = request.params
    currency = _one_currency(venue, params)
    command = RequestWithdrawal(
        account=request.account,
        currency=currency,
        amount=_amount(params, "withdrawal amount"),
        fee=quantity_of(params, "fee"),
        address=text_of(params, "address"),
        text=text_of(params, "text"),
    )
    return _withdrawal(venue, command, currency)


def confirm_withdrawal(venue: Venue, request: Request) -> Row:
    """POST /user/confirmWithdrawal."""
    account, number = _named(venue, text_of(request.params, "token"))
    return _withdrawal(venue, ConfirmWithdrawal(account=account, withdrawal=number))


def cancel_withdrawal(venue: Venue, request: Request) -> Row:
    """POST /user/cancelWithdrawal."""
    account, number = _named(venue, text_of(request.params, "token"))
    return _withdrawal(venue, CancelWithdrawal(account=account, withdrawal=number))


def delete_withdrawal(venue: Venue, request: Request) -> Row:
    """DELETE /user/withdrawal: cancel one's own by its transactID."""
    account = request.account
    wanted = from_uuid(IdKind.TRANSACTION, text_of(request.params, "transactID"))
    for number in venue.exchange.withdrawal_numbers(account):
        if withdrawal_number(account, number) == wanted:
            return _withdrawal(venue, CancelWithdrawal(account=account, withdrawal=number))
    raise BadRequestError("Invalid transactID")


def _named(venue: Venue, token: str) -> tuple[int, int]:
    """Return account and number of the withdrawal that a token was mailed for."""
    for account in sorted(venue.keys.accounts()):
        for number in venue.exchange.withdrawal_numbers(account):
            if compare_digest(venue.keys.mail_token(account, number).encode(), token.encode()):
                return account, number
    raise BadRequestError("Invalid token")


def _withdrawal(venue: Venue, command: Command, currency: str = "XBt") -> Row:
    for event in venue.submit(command):
        if type(event) is Refused:
            raise _refused(event, currency)
        if type(event) is WithdrawalChanged:
            balance = venue.exchange.wallet(event.account, event.currency).amount
            return venue.accounts.withdrawal(event, balance)
    raise CoreError(f"no answer to {command!r}")


def transfer(venue: Venue, request: Request) -> Row:
    """POST /user/walletTransfer: to a linked account, at once."""
    params = request.params
    currency = _one_currency(venue, params)
    source = quantity_of(params, "fromAccountId")
    target = quantity_of(params, "targetAccountId")
    if target is None:
        raise BadRequestError("Invalid targetAccountId")
    command = Transfer(
        account=request.account,
        source=request.account if source is None else source,
        target=target,
        currency=currency,
        amount=_amount(params, "amount"),
    )
    for event in venue.submit(command):
        if type(event) is Refused:
            if event.reason is Reason.BAD_AMOUNT:
                raise BadRequestError("Invalid amount")
            raise _refused(event, currency)
        if type(event) is WalletChanged and event.account == command.source:
            return venue.accounts.transaction(_transferred(venue, event))
    raise CoreError(f"no answer to {command!r}")


def _transferred(venue: Venue, event: WalletChanged) -> Transaction:
    """Return the row of a transfer; an account that nobody follows has none, and no number."""
    past = venue.history.accounts.get(event.account)
    if past is not None and past.wallet.rows:
        return past.wallet.rows[-1]
    kind, amount = event.cause.value, event.amount
    account, currency = event.account, event.currency
    return Transaction(event.at_ns, 0, account, currency, kind, amount, 0, "", event.balance)


def transfer_accounts(venue: Venue, request: Request) -> list[Row]:
    """GET /user/getWalletTransferAccounts: the accounts that one may transfer to."""
    accounts = venue.exchange.accounts
    mine = accounts[request.account]
    owner = mine.owner or mine.account_id
    return [
        {"id": other.account_id, "username": other.name}
        for other in accounts.values()
        if other is not mine and owner in (other.account_id, other.owner)
    ]


def mail(venue: Venue, account: int) -> list[Row]:
    """Return what the venue would have mailed: the tokens of withdrawals that are pending."""
    return [
        {
            "subject": "Confirm your withdrawal",
            "token": venue.keys.mail_token(account, held.number),
            "currency": held.currency,
            "amount": held.amount,
            "fee": held.fee,
            "address": held.address,
        }
        for held in venue.exchange.withdrawals(account)
        if held.status.value == "Pending"
    ]


def _one_currency(venue: Venue, params: Params) -> str:
    currency = venue.currency_of(params)
    if currency == "all":
        raise BadRequestError("Invalid currency")
    return currency


def _amount(params: Params, words: str) -> int:
    number = to_integer(params.get("amount"))
    if number is None or abs(number) >= 1 << 60:
        raise BadRequestError(f"Invalid {words}")
    return number


def _refused(event: Refused, currency: str) -> BadRequestError:
    text = wallet_refusal(event.reason, event.detail, currency)
    return BadRequestError(text, name=ENGINE)
