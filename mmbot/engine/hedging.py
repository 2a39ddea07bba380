"""The spot order that is wanted now, and the settlement window."""

from mmbot.engine.config import EngineConfig
from mmbot.engine.outbox import Outbox
from mmbot.execution.orders import OwnOrders
from mmbot.hedge.delta import SpotOrder, close_order, hedge_order
from mmbot.hedge.desk import Desk, Sent
from mmbot.hedge.twap import Slicer, hedged_part
from mmbot.pricing.contracts import COIN, exposure_units
from mmbot.state import Picture
from mmbot.types import SECOND_NS, FillRole, NewOrder, PlaceOrders, Side

LEAST = 100e-8  # whole settlement currency: the venue refuses spot orders of less value


class Hedger:
    """Keeps contract and spot together; asks for one spot order at a time."""

    def __init__(
        self, config: EngineConfig, picture: Picture, orders: OwnOrders, out: Outbox
    ) -> None:
        """Hedge on ``config.hedge_venue``; "" = never."""
        self.desk = Desk()
        self.slicer: Slicer | None = None
        self._config = config
        self._picture = picture
        self._orders = orders
        self._out = out
        self._window_position: int | None = None
        self._mid = 0.0
        self._told = ""

    @property
    def is_on(self) -> bool:
        """Whether there is a venue to hedge on."""
        return bool(self._config.hedge_venue)

    @property
    def unhedged(self) -> int:
        """Coins of net exposure in minor units, positive when long, as the rows say."""
        contract = self._picture.contract
        if contract is None or not self._picture.position:
            return self._picture.spot_row if self.is_on else 0
        exposure = exposure_units(contract, self._picture.position, self._price())
        return exposure + (self._picture.spot_row if self.is_on else 0)

    def unhedged_value(self) -> float:
        """The same as a value in settlement currency."""
        return self.unhedged * self._price() / COIN

    def step(self, now_ns: int, *, connected: bool) -> bool:
        """Send the order that is wanted, if any; return whether the venue must be asked anew."""
        if not self.is_on or self._picture.contract is None or self._picture.spot is None:
            return False
        self._know_expiry()
        desk = self.desk
        sent = desk.under_way
        if sent is not None:
            if not (sent.answered and sent.is_in(self._picture.spot_row)):
                return desk.is_late(now_ns)
            desk.done(now_ns)
        if now_ns >= desk.not_before_ns and connected:
            wanted = self._wanted(now_ns)
            if wanted is not None:
                self._send(wanted[0], wanted[1], now_ns)
            elif desk.failures:
                desk.recovered()
        self._tell(now_ns)
        return False

    def is_wanted(self) -> bool:
        """Whether the rows ask for a look: an order is under way, or there is something to do."""
        if self.desk.under_way is not None or not self._picture.position:
            return True
        slicer = self.slicer
        if slicer is not None and slicer.done:
            return False  # the slices go by the clock
        return abs(self.unhedged) > self._threshold()

    def wakes(self) -> list[int]:
        """Return the instants at which time alone changes something here."""
        wakes = []
        wake = self.desk.wake_ns()
        if wake is not None:
            wakes.append(wake)
        slicer = self.slicer
        if slicer is not None and (slicer.done < slicer.slices or self._picture.spot_row):
            wakes += [slicer.start_ns, slicer.next_ns()]
        return wakes

    def _know_expiry(self) -> None:
        contract = self._picture.contract
        expiry_ns = contract.expiry_ns if contract else None
        if expiry_ns is not None and (self.slicer is None or self.slicer.expiry_ns != expiry_ns):
            delay_ns = round(self._config.slice_delay_s * SECOND_NS)
            self.slicer = Slicer(expiry_ns, delay_ns=delay_ns)

    def _price(self) -> float:
        mid = self._picture.spot_mid
        if mid is not None:
            self._mid = mid
        return self._mid or self._picture.index or self._picture.mark or 0.0

    def _threshold(self) -> int:
        return self._units(max(self._config.hedge_threshold, LEAST))

    def _units(self, value: float) -> int:
        price = self._price()
        return int(value / price * COIN) if price > 0 else 0

    def _wanted(self, now_ns: int) -> tuple[SpotOrder, FillRole] | None:
        contract, spot = self._picture.contract, self._picture.spot
        if contract is None or spot is None:
            return None
        position, row = self._picture.position, self._picture.spot_row
        exposure = exposure_units(contract, position, self._price()) if position else 0
        slicer = self.slicer
        if slicer is not None and now_ns >= slicer.start_ns:
            return self._wanted_in_window(slicer, exposure, now_ns)
        order = hedge_order(exposure, row, lot=spot.lot_size, threshold=self._threshold())
        return None if order is None else (order, FillRole.HEDGE)

    def _wanted_in_window(
        self, slicer: Slicer, exposure: int, now_ns: int
    ) -> tuple[SpotOrder, FillRole] | None:
        position, row = self._picture.position, self._picture.spot_row
        spot = self._picture.spot
        lot = spot.lot_size if spot is not None else 1
        if exposure == 0 and now_ns < slicer.expiry_ns:
            order = close_order(row)
            return None if order is None else (order, FillRole.HEDGE)
        order = slicer.order(now_ns, row, lot=lot, least=self._units(LEAST))
        if order is not None:
            return order, FillRole.SLICE
        # Slices unwind the hedge as it was; only a position that changed in the window (a quote
        # that was hit before its cancel came) is hedged here, by what is not fixed yet.
        if self._window_position is None:
            self._window_position = position
        if position == self._window_position or now_ns >= slicer.expiry_ns:
            return None
        net = hedged_part(exposure, slicer.prints(now_ns)) + row
        if abs(net) <= max(abs(exposure) // slicer.slices, self._units(LEAST), lot):
            self._window_position = position
            return None
        return SpotOrder(Side.SELL if net > 0 else Side.BUY, abs(net) // lot * lot), FillRole.HEDGE

    def _send(self, order: SpotOrder, role: FillRole, now_ns: int) -> None:
        is_slice = role is FillRole.SLICE
        sent = Sent(
            cl_ord_id=self._orders.next_id("s" if is_slice else "h"),
            action_id=self._out.next_id(),
            order=order,
            row_before=self._picture.spot_row,
            sent_ns=now_ns,
            decided_mid=self._price(),
            role=role,
            slice_no=self.slicer.done if is_slice and self.slicer else 0,
            sample=self._picture.index if is_slice else None,
        )
        self.desk.send(sent)
        new = NewOrder(
            symbol=self._config.spot_symbol,
            side=order.side,
            order_qty=order.qty,
            price=None,
            cl_ord_id=sent.cl_ord_id,
            close=order.qty is None,
        )
        self._out.send(
            PlaceOrders(action_id=sent.action_id, venue=self._config.hedge_venue, orders=(new,)),
            now_ns,
        )

    def _tell(self, now_ns: int) -> None:
        trouble = self.desk.trouble
        if trouble == self._told:
            return
        self._told = trouble
        if trouble:
            text = (
                f"unhedged {self.unhedged / COIN:+.8f} coins "
                f"({self.unhedged_value():+.8f}): {trouble}"
            )
            self._out.say(now_ns, "warning", text)
        else:
            self._out.say(now_ns, "info", "hedged again")
