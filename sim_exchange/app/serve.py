"""The command ``serve``: sockets, signals, the ready line, the end."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys

import msgspec
import uvloop

from sim_exchange.app import folders
from sim_exchange.app.collector import rare_collections
from sim_exchange.app.snapshotter import keep_snapshots
from sim_exchange.app.world import DEMO_NAME, build_world
from sim_exchange.errors import SettingsError
from sim_exchange.journal import Header
from sim_exchange.server.run import HttpServer, ListenError, PortInUseError
from sim_exchange.settings import Settings, default_folder


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
        PortInUseError: another program has the port.
        CoreError: the journal can't be trusted, or the exchange broke a promise.
    """
    with rare_collections(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    _probe(settings.host, settings.port)
    home = default_folder()
    cert, key = folders.certificate(home) if settings.tls else (None, None)
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
    demo = None
    if not settings.accounts and settings.on_loopback:
        demo = world.grant_demo()
    await world.session.released()
    server = HttpServer(world.asgi, settings.host, settings.port, certificate=cert, private_key=key)
    pump = asyncio.create_task(world.pump())
    snapshots = asyncio.create_task(keep_snapshots(world.session, data, settings.snapshot_every))
    try:
        port = await server.start()
        if demo is not None:
            folders.write_demo_key(home, DEMO_NAME, demo)
        _say_ready(settings, world.session.journal.header, port)
        await _until_stopped(pump)
    finally:
        await server.stop()
        for task in (snapshots, pump):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await world.close()


async def _until_stopped(pump: asyncio.Task[None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    pump.add_done_callback(lambda _: stop.set())
    await stop.wait()


def _say_ready(settings: Settings, header: Header, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    secure = "s" if settings.tls else ""
    ready = Ready(
        rest=f"http{secure}://{host}:{port}/api/v1",
        ws=f"ws{secure}://{host}:{port}/realtime",
        admin=f"http{secure}://{host}:{port}/admin/v1",
        seed=header.seed,
        era=header.era,
    )
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def _probe(host: str, port: int) -> None:
    # Before anything is written: a second start by mistake must leave the first one's files alone.
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingsError(f"setting host = {host!r}: {error.strerror}") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUseError(host, port) from error
            raise ListenError(f"can't listen on {host} port {port}: {error.strerror}") from error
