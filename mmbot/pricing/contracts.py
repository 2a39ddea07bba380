"""What one contract is worth, and how many coins it stands for.

    kind      value in settlement currency        coins of the underlying that it moves with
    linear    multiplier x price                  multiplier
    inverse   |multiplier| / price                |multiplier| / price
    quanto    multiplier x price                  none: its hedge is in another coin (B9)
    spot      price x base units                  base units

``multiplier`` is in minor units of the settlement currency (1e-8 XBT) per unit of price.
"""

from mmbot.types import Instrument, Kind

COIN = 10**8  # minor units of a coin, and of XBT


def contract_value(instrument: Instrument, price: float) -> float:
    """Return the value of one contract in whole settlement currency (XBT), not signed.

    Args:
        instrument: of any tradable kind; one unit of a spot instrument is a minor unit of coin.
        price: in quote currency.

    Raises:
        ValueError: ``price`` is not positive, or the instrument is an index.
    """
    if price <= 0:
        raise ValueError(f"no value of {instrument.symbol} at {price=}")
    match instrument.kind:
        case Kind.LINEAR | Kind.QUANTO:
            return abs(instrument.multiplier) * price / COIN
        case Kind.INVERSE:
            return abs(instrument.multiplier) / price / COIN
        case Kind.SPOT:
            return price / COIN
        case Kind.INDEX:
            raise ValueError(f"{instrument.symbol} is an index: nobody can hold it")


def exposure_units(instrument: Instrument, contracts: int, price: float) -> int:
    """Return the coins that ``contracts`` move with, in minor units, positive when long.

    Args:
        instrument: linear (exact: 1 ETC each for ETC7D) or inverse (value at ``price``).
        contracts: signed position.
        price: of the underlying, in quote currency; a linear contract doesn't need it.

    Raises:
        ValueError: the kind has no hedge in its own coin (quanto: see B9), or ``price`` is not
            positive where it is needed.
    """
    match instrument.kind:
        case Kind.LINEAR:
            return contracts * instrument.multiplier
        case Kind.INVERSE:
            return round(contracts * contract_value(instrument, price) * COIN)
        case Kind.SPOT:
            return contracts
        case Kind.QUANTO | Kind.INDEX:
            raise ValueError(f"{instrument.symbol} ({instrument.kind.value}) has no coin hedge")


def contracts_for_value(instrument: Instrument, value: float, price: float) -> int:
    """Return how many contracts are worth ``value`` (whole settlement currency), to the lot below.

    At least one lot when ``value`` is positive.
    """
    if value <= 0:
        return 0
    lots = int(value / contract_value(instrument, price) / instrument.lot_size)
    return max(1, lots) * instrument.lot_size
