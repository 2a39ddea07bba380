"""The yardstick of REST: checks the signature of a request and answers the same row to each.

python -m scripts.benches.canned KEY SECRET      prints its port, then serves
"""

import hmac
import socket
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import uvicorn

Message = MutableMapping[str, Any]
ROW = msgspec.json.encode(
    {
        "orderID": "00000000-0000-4000-8000-000000000001",
        "clOrdID": "",
        "account": 1,
        "symbol": "ETC7D",
        "side": "Buy",
        "orderQty": 1,
        "price": 0.002,
        "ordType": "Limit",
        "timeInForce": "GoodTillCancel",
        "ordStatus": "New",
        "workingIndicator": True,
        "leavesQty": 1,
        "cumQty": 0,
        "text": "Submitted via API.",
        "transactTime": "2018-01-12T12:00:00.000Z",
        "timestamp": "2018-01-12T12:00:00.000Z",
    }
)
KEY, SECRET = sys.argv[1:3] if len(sys.argv) == 3 else ("", "")


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer one request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = dict(scope["headers"])
    expires = headers.get(b"api-expires", b"0")
    signed = scope["method"].encode() + scope["raw_path"] + expires + body
    signature = hmac.new(SECRET.encode(), signed, "sha256").hexdigest()
    good = (
        headers.get(b"api-key") == KEY.encode()
        and int(expires) >= time.time()  # noqa: TID251 - what is signed is the host's time
        and hmac.compare_digest(signature.encode(), headers.get(b"api-signature", b""))
    )
    msgspec.json.decode(body or b"{}")
    answer = ROW if good else b'{"error":{"message":"Signature not valid.","name":"HTTPError"}}'
    head = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200 if good else 401, "headers": head})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serve on a free port until SIGTERM."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
