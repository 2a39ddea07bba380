"""The commands ``serve`` and ``replay``: sockets, signals, the ready line, the end."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog
import uvicorn
import uvloop
from typing_extensions import override

from sim_exchange.app import folders
from sim_exchange.app.world import DEMO_NAME, World, build_world
from sim_exchange.core.exchange import Exchange
from sim_exchange.errors import SettingsError, SimExchangeError
from sim_exchange.journal import FILE_NAME, Replayed, replay
from sim_exchange.settings import Settings, default_folder

_GRACE_S = 5
_BACKLOG = 1_024

log = structlog.get_logger()


class PortError(SimExchangeError):
    """The address can't be listened on."""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ready"):
    """The one line on standard output, written when connections are accepted."""

    rest: str
    ws: str
    admin: str
    seed: int
    era: str


def serve(settings: Settings) -> None:
    """Run an exchange until SIGINT or SIGTERM.

    Raises:
        SettingsError: a file or an address is wrong.
        PortError: the port is in use.
        CoreError: the journal can't be trusted, or the exchange broke a promise.
    """
    listener = _listen(settings.host, settings.port)
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener))


def replay_digest(data: Path) -> Replayed:
    """Replay the journal of a data folder (or the file itself); its digest is in the answer.

    Raises:
        CoreError: the journal can't be trusted.
    """
    path = data / FILE_NAME if data.is_dir() else data
    return replay(path, Exchange)[1]


async def _serve(settings: Settings, listener: socket.socket) -> None:
    home = default_folder()
    data = settings.data
    data = folders.fresh_run(home) if data is None else folders.private_folder(data)
    token = settings.admin_token
    world = build_world(
        settings,
        data,
        folders.admin_token(data, None if token is None else token.get_secret_value()),
    )
    for grant in settings.accounts:
        world.grant(grant)
    if not settings.accounts and settings.on_loopback:
        folders.write_demo_key(home, DEMO_NAME, world.grant_demo())
    await world.session.released()
    config = uvicorn.Config(
        world.asgi,
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
    )
    if settings.tls:
        cert, key = folders.certificate(home)
        config.ssl_certfile, config.ssl_keyfile = str(cert), str(key)
    port = listener.getsockname()[1]
    server = _Server(config, lambda: _say_ready(settings, world, port))
    await _run(world, server, listener)


async def _run(world: World, server: "_Server", listener: socket.socket) -> None:
    pump = asyncio.create_task(world.pump())
    pump.add_done_callback(lambda _: server.stop())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump
        await world.close()


class _Server(uvicorn.Server):
    # Says when it accepts connections, and leaves signals to us: uvicorn would raise them again.

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def _say_ready(settings: Settings, world: World, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    secure = "s" if settings.tls else ""
    header = world.session.journal.header
    ready = Ready(
        rest=f"http{secure}://{host}:{port}/api/v1",
        ws=f"ws{secure}://{host}:{port}/realtime",
        admin=f"http{secure}://{host}:{port}/admin/v1",
        seed=header.seed,
        era=header.era,
    )
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingsError(f"setting host = {host!r}: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortError(f"can't listen on {host} port {port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
