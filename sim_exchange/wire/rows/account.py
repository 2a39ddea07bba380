"""Rows of tables ``position``, ``margin``, ``wallet`` and of wallet history (protocol.md 5)."""

from sim_exchange.core.events import WithdrawalChanged
from sim_exchange.core.types import Cause, Kind
from sim_exchange.core.views import (
    AccountLike,
    MarginView,
    PositionMark,
    PositionView,
    WalletView,
    WithdrawalView,
)
from sim_exchange.history import Transaction, withdrawal_number
from sim_exchange.wire.catalogue import Catalogue, Listing
from sim_exchange.wire.ids import ZERO_ID, IdKind, to_uuid
from sim_exchange.wire.numbers import (
    Number,
    pico_number,
    ppm_number,
    scaled_number,
    ticks_number,
)
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso

ACCOUNT_RISK_LIMIT = 1_000_000_000_000
"""Recorded in every margin row, minor units."""


def _words(text: str) -> list[str]:
    return text.split()


POSITION_COLUMNS = tuple(
    _words(
        "account symbol currency underlying quoteCurrency commission initMarginReq maintMarginReq "
        "riskLimit leverage crossMargin deleveragePercentile rebalancedPnl prevRealisedPnl "
        "prevUnrealisedPnl prevClosePrice openingTimestamp openingQty openingCost openingComm "
        "openOrderBuyQty openOrderBuyCost openOrderBuyPremium openOrderSellQty openOrderSellCost "
        "openOrderSellPremium execBuyQty execBuyCost execSellQty execSellCost execQty execCost "
        "execComm currentTimestamp currentQty currentCost currentComm realisedCost unrealisedCost "
        "grossOpenCost grossOpenPremium grossExecCost isOpen markPrice markValue riskValue "
        "homeNotional foreignNotional posState posCost posCost2 posCross posInit posComm posLoss "
        "posMargin posMaint posAllowance taxableMargin initMargin maintMargin sessionMargin "
        "targetExcessMargin varMargin realisedGrossPnl realisedTax realisedPnl unrealisedGrossPnl "
        "longBankrupt shortBankrupt taxBase indicativeTaxRate indicativeTax unrealisedTax "
        "unrealisedPnl unrealisedPnlPcnt unrealisedRoePcnt simpleQty simpleCost simpleValue "
        "simplePnl simplePnlPcnt avgCostPrice avgEntryPrice breakEvenPrice marginCallPrice "
        "liquidationPrice bankruptPrice timestamp lastPrice lastValue"
    )
)
"""Columns of table ``position``, in order."""
MARGIN_COLUMNS = tuple(
    _words(
        "account currency riskLimit prevState state action amount pendingCredit pendingDebit "
        "confirmedDebit prevRealisedPnl prevUnrealisedPnl grossComm grossOpenCost "
        "grossOpenPremium grossExecCost grossMarkValue riskValue taxableMargin initMargin "
        "maintMargin sessionMargin targetExcessMargin varMargin realisedPnl unrealisedPnl "
        "indicativeTax unrealisedProfit syntheticMargin walletBalance marginBalance "
        "marginBalancePcnt marginLeverage marginUsedPcnt excessMargin excessMarginPcnt "
        "availableMargin withdrawableMargin timestamp grossLastValue commission"
    )
)
"""Columns of table ``margin``, in order."""
WALLET_COLUMNS = tuple(
    _words(
        "account currency prevDeposited prevWithdrawn prevTransferIn prevTransferOut prevAmount "
        "prevTimestamp deltaDeposited deltaWithdrawn deltaTransferIn deltaTransferOut deltaAmount "
        "deposited withdrawn transferIn transferOut amount pendingCredit pendingDebit "
        "confirmedDebit timestamp addr script withdrawalLock borrowed interest"
    )
)
"""Columns of table ``wallet``, in order."""


_TEXTS = ("prevState", "state", "action")
_NULLS = ("syntheticMargin", "commission")
_ONES = ("marginBalancePcnt", "excessMarginPcnt")
# Every column of a margin row, with the value that stands where nothing else is said.
_MARGIN_CONSTANTS: Row = {
    **dict.fromkeys(MARGIN_COLUMNS, 0),
    **dict.fromkeys(_TEXTS, ""),
    **dict.fromkeys(_NULLS),
    **dict.fromkeys(_ONES, 1),
    "riskLimit": ACCOUNT_RISK_LIMIT,
}


class AccountRows:
    """Makes rows of what an account has."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Read listings from ``catalogue``."""
        self._catalogue = catalogue

    def position(self, view: PositionView) -> Row:
        """Return the whole row of a position."""
        listing = self._catalogue.listing(view.symbol)
        spec = listing.spec
        market = self._catalogue.exchange.markets[view.symbol]
        qty = view.current_qty
        cost = view.unrealised_cost
        spot = listing.is_spot
        mark = scaled_number(view.mark, spec.mark_decimals) if view.mark else None
        value = _spot_value(listing, qty, view.mark) if spot else view.mark_value
        per_quote = self._catalogue.quote_to_settle(spec) if spec.kind is Kind.QUANTO else None
        at = to_iso(view.at_ns) if view.at_ns else None  # 0: never held
        fees = (spec.maker_fee_ppm, spec.taker_fee_ppm)
        if spec.fee_plans:
            plan = spec.fee_plan(self._catalogue.exchange.accounts[view.account].fee_plan)
            fees = fees if plan is None else (plan.maker_ppm, plan.taker_ppm)
        commission = max(*fees, spec.settlement_fee_ppm)
        entry = pico_number(view.avg_entry_pico) if view.avg_entry_pico else None
        liquidation = pico_number(view.liquidation_pico) if view.liquidation_pico else None
        held = {
            "openOrderBuyQty": view.open_buy_qty,
            "openOrderBuyCost": view.open_buy_cost,
            "openOrderBuyPremium": view.open_buy_premium,
            "openOrderSellQty": view.open_sell_qty,
            "openOrderSellCost": view.open_sell_cost,
            "openOrderSellPremium": view.open_sell_premium,
        }
        row: Row = {
            "account": view.account,
            "symbol": view.symbol,
            "currency": spec.settl_currency,
            "underlying": spec.underlying,
            "quoteCurrency": spec.quote_currency,
            "commission": ppm_number(commission),
            "initMarginReq": ppm_number(view.init_margin_req_ppm),
            "maintMarginReq": ppm_number(view.maint_margin_req_ppm),
            "riskLimit": view.risk_limit,
            "leverage": scaled_number(view.leverage_cents, 2),
            "crossMargin": view.cross_margin,
            "deleveragePercentile": None
            if view.deleverage_percent is None
            else scaled_number(view.deleverage_percent, 2),
            "rebalancedPnl": view.rebalanced_pnl,
            "prevRealisedPnl": view.prev_realised_pnl,
            "prevUnrealisedPnl": 0,
            "prevClosePrice": mark,
            "openingTimestamp": at,
            "openingQty": view.opening_qty,
            "openingCost": 0,
            "openingComm": 0,
            **held,
            "execBuyQty": 0,
            "execBuyCost": 0,
            "execSellQty": 0,
            "execSellCost": 0,
            "execQty": qty - view.opening_qty,
            "execCost": view.current_cost,
            "execComm": view.current_comm,
            "currentTimestamp": at,
            "currentQty": qty,
            "currentCost": view.current_cost,
            "currentComm": view.current_comm,
            "realisedCost": view.realised_cost,
            "unrealisedCost": cost,
            "grossOpenCost": abs(view.open_buy_cost) + abs(view.open_sell_cost),
            "grossOpenPremium": view.gross_open_premium,
            "grossExecCost": abs(view.current_cost),
            "isOpen": qty != 0,
            "markPrice": mark,
            "markValue": value,
            "riskValue": view.risk_value,
            "homeNotional": listing.home_notional(qty, value, per_quote) if qty else 0,
            "foreignNotional": listing.foreign_notional(qty, value, per_quote) if qty else 0,
            "posState": "",
            "posCost": cost,
            "posCost2": cost,
            "posCross": view.pos_cross,
            "posInit": view.pos_init,
            "posComm": view.pos_comm,
            "posLoss": view.pos_loss,
            "posMargin": view.pos_margin,
            "posMaint": view.pos_maint,
            "posAllowance": 0,
            "taxableMargin": 0,
            "initMargin": view.init_margin,
            "maintMargin": view.pos_margin + view.unrealised_pnl if qty and not spot else 0,
            "sessionMargin": 0,
            "targetExcessMargin": 0,
            "varMargin": 0,
            "realisedGrossPnl": -view.realised_cost,
            "realisedTax": 0,
            "realisedPnl": view.realised_pnl,
            "unrealisedGrossPnl": view.unrealised_pnl,
            "longBankrupt": 0,
            "shortBankrupt": 0,
            "taxBase": 0,
            "indicativeTaxRate": None,
            "indicativeTax": 0,
            "unrealisedTax": 0,
            "unrealisedPnl": view.unrealised_pnl,
            "unrealisedPnlPcnt": _fraction(view.unrealised_pnl, abs(cost)),
            "unrealisedRoePcnt": _fraction(view.unrealised_pnl, view.pos_init),
            "simpleQty": None,
            "simpleCost": None,
            "simpleValue": None,
            "simplePnl": None,
            "simplePnlPcnt": None,
            "avgCostPrice": entry,
            "avgEntryPrice": entry,
            "breakEvenPrice": _break_even(listing, view),
            "marginCallPrice": liquidation,
            "liquidationPrice": liquidation,
            "bankruptPrice": pico_number(view.bankrupt_pico) if view.bankrupt_pico else None,
            "timestamp": to_iso(max(view.at_ns, market.changed_ns)),
            "lastPrice": mark,
            "lastValue": value,
        }
        return row

    def marked(self, account: int, symbol: str, view: PositionMark) -> Row:
        """Return what names a position's row and the columns that marks move, in order.

        Not for quanto contracts, whose notionals move with another price too.
        """
        listing = self._catalogue.listing(symbol)
        qty, pnl = view.current_qty, view.unrealised_pnl
        mark = scaled_number(view.mark, listing.spec.mark_decimals) if view.mark else None
        spot = listing.is_spot
        value = _spot_value(listing, qty, view.mark) if spot else view.mark_value
        liquidation = pico_number(view.liquidation_pico) if view.liquidation_pico else None
        return {
            "account": account,
            "symbol": symbol,
            "currency": listing.spec.settl_currency,
            "prevClosePrice": mark,
            "openOrderBuyPremium": view.open_buy_premium,
            "openOrderSellPremium": view.open_sell_premium,
            "execQty": qty - view.opening_qty,
            "currentQty": qty,
            "grossOpenPremium": view.gross_open_premium,
            "isOpen": qty != 0,
            "markPrice": mark,
            "markValue": value,
            "riskValue": view.risk_value,
            "homeNotional": listing.home_notional(qty, value, None) if qty else 0,
            "foreignNotional": listing.foreign_notional(qty, value, None) if qty else 0,
            "initMargin": view.init_margin,
            "maintMargin": view.pos_margin + pnl if qty and not spot else 0,
            "unrealisedGrossPnl": pnl,
            "unrealisedPnl": pnl,
            "unrealisedPnlPcnt": _fraction(pnl, abs(view.unrealised_cost)),
            "unrealisedRoePcnt": _fraction(pnl, view.pos_init),
            "marginCallPrice": liquidation,
            "liquidationPrice": liquidation,
            "bankruptPrice": pico_number(view.bankrupt_pico) if view.bankrupt_pico else None,
            "timestamp": to_iso(view.changed_ns),
            "lastPrice": mark,
            "lastValue": value,
        }

    def margin(self, view: MarginView) -> Row:
        """Return the margin row of one currency."""
        row = dict(_MARGIN_CONSTANTS)
        row.update(self.margin_part(view))
        return row

    def idle_margin(self, view: WalletView) -> Row:
        """Return the margin row of a currency that nothing is settled in: all of it is free."""
        return self.margin(
            MarginView(
                account=view.account,
                currency=view.currency,
                wallet_balance=view.amount,
                unrealised_pnl=0,
                realised_pnl=0,
                init_margin=0,
                maint_margin=0,
                gross_open_cost=0,
                gross_open_premium=0,
                gross_mark_value=0,
                gross_comm=0,
                risk_value=0,
                available=view.amount,
                withdrawable=view.amount,
                loan_lock=0,
                at_ns=view.at_ns,
            )
        )

    def margin_part(self, view: MarginView) -> Row:
        """Return the columns of a margin row that are not always the same, in order."""
        balance = view.wallet_balance + view.unrealised_pnl
        excess = balance - view.init_margin - view.maint_margin
        return {
            "account": view.account,
            "currency": view.currency,
            "amount": view.wallet_balance - view.realised_pnl,
            "grossComm": view.gross_comm,
            "grossOpenCost": view.gross_open_cost,
            "grossOpenPremium": view.gross_open_premium,
            "grossMarkValue": view.gross_mark_value,
            "riskValue": view.risk_value,
            "initMargin": view.init_margin,
            "maintMargin": view.maint_margin,
            "realisedPnl": view.realised_pnl,
            "unrealisedPnl": view.unrealised_pnl,
            "walletBalance": view.wallet_balance,
            "marginBalance": balance,
            "marginLeverage": _leverage(view.gross_mark_value, balance),
            "marginUsedPcnt": _fraction(view.init_margin + view.maint_margin, balance),
            "excessMargin": excess,
            "availableMargin": max(0, view.available),
            "withdrawableMargin": max(0, view.withdrawable),
            "timestamp": to_iso(view.at_ns),
            "grossLastValue": view.gross_mark_value,
        }

    def wallet(self, view: WalletView) -> Row:
        """Return the wallet row of one currency; the two last columns are ours (loans)."""
        at = to_iso(view.at_ns)
        return {
            "account": view.account,
            "currency": view.currency,
            "prevDeposited": view.deposited,
            "prevWithdrawn": view.withdrawn,
            "prevTransferIn": view.transfer_in,
            "prevTransferOut": view.transfer_out,
            "prevAmount": view.amount,
            "prevTimestamp": at,
            "deltaDeposited": 0,
            "deltaWithdrawn": 0,
            "deltaTransferIn": 0,
            "deltaTransferOut": 0,
            "deltaAmount": 0,
            "deposited": view.deposited,
            "withdrawn": view.withdrawn,
            "transferIn": view.transfer_in,
            "transferOut": view.transfer_out,
            "amount": view.amount,
            "pendingCredit": view.pending_credit,
            "pendingDebit": view.pending_debit,
            "confirmedDebit": view.confirmed_debit,
            "timestamp": at,
            "addr": "",
            "script": "",
            "withdrawalLock": [],
            "borrowed": view.borrowed,
            "interest": view.interest_owed,
        }

    def transaction(self, item: Transaction) -> Row:
        """Return one row of wallet history."""
        at = to_iso(item.at_ns)
        return {
            "transactID": to_uuid(IdKind.TRANSACTION, item.number),
            "account": item.account,
            "currency": item.currency,
            "network": None,
            "transactType": item.kind,
            "amount": item.amount,
            "fee": item.fee,
            "transactStatus": item.status,
            "address": item.address or item.symbol or None,
            "tx": None,
            "text": item.text or None,
            "transactTime": to_iso(item.asked_ns) if item.asked_ns else at,
            "timestamp": at,
            "walletBalance": item.balance,
            "marginBalance": None,
        }

    def withdrawal(self, held: WithdrawalView | WithdrawalChanged, balance: int) -> Row:
        """Return a withdrawal as it is now; ``balance`` is the wallet's."""
        return self.transaction(
            Transaction(
                held.at_ns,
                withdrawal_number(held.account, held.number),
                held.account,
                held.currency,
                Cause.WITHDRAWAL.value,
                -held.amount - held.fee,
                held.fee,
                "",
                balance,
                held.status.value,
                held.address,
                held.text,
                held.requested_ns,
            )
        )

    def pending(self, view: MarginView) -> Row:
        """Return the pending line that tells the unrealised profit, computed now."""
        return {
            "transactID": ZERO_ID,
            "account": view.account,
            "currency": view.currency,
            "network": None,
            "transactType": "UnrealisedPNL",
            "amount": view.unrealised_pnl,
            "fee": 0,
            "transactStatus": "Pending",
            "address": None,
            "tx": None,
            "text": None,
            "transactTime": None,
            "timestamp": None,
            "walletBalance": view.wallet_balance,
            "marginBalance": view.wallet_balance + view.unrealised_pnl,
        }

    def user(self, account: AccountLike) -> Row:
        """Return the user row of an account."""
        return {
            "id": account.account_id,
            "ownerId": account.owner or None,
            "firstname": account.name,
            "lastname": None,
            "username": account.name,
            "email": f"{account.name}@localhost",
            "phone": None,
            "created": to_iso(account.opened_ns),
            "lastUpdated": to_iso(account.opened_ns),
            "preferences": {},
            "TFAEnabled": None,
            "affiliateID": None,
            "country": None,
            "geoipCountry": None,
            "geoipRegion": None,
            "typ": "Individual",
        }


def _spot_value(listing: Listing, qty: int, mark: int) -> int:
    # Coins at the mark, in minor units of the quote coin; cut towards zero, it is for the eye only.
    scale = listing.base_scale * int(10**listing.spec.mark_decimals)
    size = abs(qty) * mark * listing.settl_scale // scale
    return size if qty >= 0 else -size


def _break_even(listing: Listing, view: PositionView) -> Number | None:
    qty = view.current_qty
    cost = abs(view.unrealised_cost)
    multiplier = abs(listing.spec.multiplier)
    if not qty or not cost or listing.is_spot:
        return None
    fees = -view.realised_pnl
    paid = cost + fees if (qty > 0) != (listing.kind is Kind.INVERSE) else cost - fees
    if paid <= 0:
        return None
    tick = listing.tick_pico
    up = qty > 0
    if listing.kind is Kind.INVERSE:
        numerator, denominator = abs(qty) * multiplier * 10**12, paid * tick
    else:
        numerator, denominator = paid * 10**12, abs(qty) * multiplier * tick
    ticks = -(-numerator // denominator) if up else numerator // denominator
    return ticks_number(ticks, tick)


def _fraction(part: int, whole: int) -> Number:
    if whole <= 0 or not part:
        return 0
    value = round(part / whole, 4)
    return int(value) if value.is_integer() else value


def _leverage(value: int, balance: int) -> Number:
    return value / balance if balance > 0 and value else 0
