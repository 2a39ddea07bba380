"""The app on a port: uvicorn with httptools, uvloop's loop and websockets without its own I/O."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sim_exchange.errors import SimExchangeError
from sim_exchange.server.faulty import CUT

_START_POLL_S = 0.005
_STOP_S = 5


class PortInUseError(SimExchangeError):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        """Say which, and what to do."""
        super().__init__(
            f"port {port} of {host} is in use by another program; choose one with --port "
            "(0 takes any that is free)"
        )
        self.host = host
        self.port = port


class ListenError(SimExchangeError):
    """The address can't be listened on."""


class _Http(HttpToolsProtocol):
    # An injected fault may cut the connection of a request.
    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"abort": self.transport.abort}}


class _Sockets(WebSocketsSansIOProtocol):
    @override
    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        self.scope["extensions"][CUT] = {"abort": self.transport.abort}


def _is_no_denial(record: logging.LogRecord) -> bool:
    # uvicorn takes a handshake that is denied with an answer (401, 404) for one that is forgotten.
    return "without completing handshake" not in record.msg


class _Server(uvicorn.Server):
    # The app owns the signals: it must stop its other parts in order.
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """One ASGI app on one port; signals are the caller's."""

    def __init__(
        self,
        app: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        certificate: Path | None = None,
        private_key: Path | None = None,
    ) -> None:
        """Prepare; ``port`` 0 takes any free one, a certificate and key make it TLS."""
        self._host = host
        self._port = port
        logging.getLogger("uvicorn.error").addFilter(_is_no_denial)
        self._config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_Http,
            ws=_Sockets,
            loop="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            date_header=True,
            ws_max_size=1_000_000,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            ws_per_message_deflate=False,
            backlog=1024,
            timeout_graceful_shutdown=_STOP_S,
            ssl_certfile=str(certificate) if certificate is not None else None,
            ssl_keyfile=str(private_key) if private_key is not None else None,
        )
        self._server = _Server(self._config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the bound port.

        Raises:
            PortInUseError: another program has the port.
            ListenError: the address can't be used.
        """
        bound = self._bind()
        port = int(bound.getsockname()[1])
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise ListenError(f"the server on {self._host} port {port} ended at its start")
            await asyncio.sleep(_START_POLL_S)
        return port

    async def stop(self) -> None:
        """Stop accepting, finish what was accepted, close the sockets; idempotent."""
        if self._task is None:
            return
        self._server.should_exit = True
        task, self._task = self._task, None
        await task

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self._host, self._port))
            bound.listen(1024)
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE:
                raise PortInUseError(self._host, self._port) from error
            raise ListenError(
                f"can't listen on {self._host} port {self._port}: {error.strerror}"
            ) from error
        bound.setblocking(False)
        return bound
