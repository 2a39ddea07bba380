"""What the socket can do, as clients ask for it (protocol.md 6.4)."""

from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.tables import TABLES

OPERATIONS = ("authKey", "authKeyExpires", "cancelAllAfter", "subscribe", "unsubscribe")
"""Words that ``op`` may be."""

HELP: Row = {
    "info": "See https://www.bitmex.com/app/wsAPI and https://www.bitmex.com/explorer "
    "for more documentation.",
    "usage": 'Send a message in the format: {"op": string, "args": Array<string>}',
    "ops": list(OPERATIONS),
    "subscribe": 'To subscribe, send: {"op": "subscribe", "args": [subscriptionTopic, ...]}.',
    "subscriptionSubjects": {
        "authenticationRequired": [name for name, table in TABLES.items() if table.private],
        "public": [name for name, table in TABLES.items() if not table.private],
    },
}
"""The answer to ``help`` and to GET /schema/websocketHelp."""


def websocket_help(_venue: Venue, _request: Request) -> Row:
    """GET /schema/websocketHelp."""
    return HELP
