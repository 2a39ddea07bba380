"""The operator's look at banned addresses, and how he lets them in again (E19)."""

from sim_exchange.server.admin_input import Fields, bad
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso


def every_ban(venue: Venue) -> list[Row]:
    """GET /bans: the addresses that are banned now, with which ban within a week it is."""
    if venue.doorkeeper is None:
        return []
    return [
        {
            "address": ban.address,
            "since": to_iso(ban.since_ns),
            "until": to_iso(ban.until_ns),
            "number": ban.number,
        }
        for ban in venue.doorkeeper.bans()
    ]


def lift(venue: Venue, path: str, fields: Fields) -> Row:
    """DELETE /bans: all of them, or one by ``/bans/ADDRESS`` or ``{"address": ADDRESS}``.

    Who is let in starts afresh: earlier bans are forgotten, too.
    """
    fields.only("address")
    one = fields.text("address") if "address" in fields.values and not path else path
    doorkeeper = venue.doorkeeper
    banned = [] if doorkeeper is None else [ban.address for ban in doorkeeper.bans()]
    if one and one not in banned:
        raise bad("address", one, "it is not banned")
    lifted = [one] if one else banned
    if doorkeeper is not None:
        for address in lifted:
            doorkeeper.lift(address)
    return {"lifted": len(lifted)}
