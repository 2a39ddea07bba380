"""Command line of the exchange: serve; replay, verify, backup, restore and snapshot a folder.

Exit codes: 0 fine, 1 failed (a port in use, a journal that can't be trusted), 2 usage or settings.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from sim_exchange import app as composition
from sim_exchange.errors import SettingsError, SimExchangeError
from sim_exchange.log import set_up_logs

app = typer.Typer(
    name="sim-exchange",
    help="A local derivatives exchange that speaks the BitMEX protocol.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of sentences.")]


@app.callback()
def _commands() -> None:
    """A local derivatives exchange that speaks the BitMEX protocol."""


@app.command()
def serve(  # noqa: PLR0913, PLR0917 (one parameter an option)
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one [8000].")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="TOML file; its table [sim_exchange] is read.")
    ] = None,
    era: Annotated[
        str | None, typer.Option(help="Whose rules hold: 2014, 2016, 2017 or 2018 [2018].")
    ] = None,
    catalogue: Annotated[
        str | None,
        typer.Option(help="What is listed: era, or coins (those of the candles) [era]."),
    ] = None,
    instruments: Annotated[
        list[Path] | None,
        typer.Option(help="TOML file or folder of own contracts; may be given several times."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the market [7].")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the journal; one that is there is gone on from."),
    ] = None,
    market: Annotated[
        str | None, typer.Option(help="Who trades besides the clients: default or none.")
    ] = None,
    candles: Annotated[
        list[Path] | None, typer.Option(help="COIN_XBT-5m.csv; may be given several times.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="real, xN or manual [real].")] = None,
    start: Annotated[
        str | None, typer.Option(help="Instant at which the clock starts, ISO 8601 [now].")
    ] = None,
    limits: Annotated[
        str | None, typer.Option(help="Request limits: era, off or N/SECONDS [era].")
    ] = None,
    bans: Annotated[
        str | None,
        typer.Option(help="Refused N times in SECONDS, banned an hour: off or N/SECONDS [off]."),
    ] = None,
    durability: Annotated[
        str | None, typer.Option(help="Answers wait for the disk: sync or none [sync].")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="NAME:KEY:SECRET:AMOUNT, amount in XBT; several times if wanted."),
    ] = None,
    admin_token: Annotated[
        str | None, typer.Option(help="Bearer token of the admin interface [made up].")
    ] = None,
    tls: Annotated[bool | None, typer.Option("--tls", help="Serve https and wss.")] = None,
) -> None:
    """Run the exchange until it is interrupted; one JSON line says when it is ready."""
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "era": era,
        "catalogue": catalogue,
        "instruments": instruments or None,
        "seed": seed,
        "data": data,
        "market": market,
        "candles": candles or None,
        "clock": clock,
        "start": start,
        "limits": limits,
        "bans": bans,
        "durability": durability,
        "account": account or None,
        "admin_token": admin_token,
        "tls": tls,
    }
    set_up_logs()
    composition.serve(composition.load(options, settings))


@app.command()
def replay(
    data: Annotated[Path, typer.Argument(help="A data folder, or a journal file.")],
) -> None:
    """Replay a journal through a new exchange and print its digest."""
    end = composition.replay_digest(data)
    if end.torn_bytes:
        typer.echo(f"{data}: {end.torn_bytes} bytes of a torn last block left out", err=True)
    typer.echo(end.digest)


@app.command()
def verify(
    data: Annotated[Path, typer.Argument(help="A data folder.")],
    as_json: _Json = False,
) -> None:
    """Check all of a data folder; change nothing.

    Every block of both files, every snapshot, a replay of the whole journal, all invariants.
    """
    found = composition.verify(data)
    if as_json:
        _say(found)
        return
    compared = ", ".join(map(str, found.snapshots)) or "none"
    typer.echo(f"journal  {found.commands} commands, digest {found.digest}")
    typer.echo(f"state    {found.state}, {found.invariants} invariants hold")
    typer.echo(f"snapshots that a replay agrees with: {compared}")


@app.command()
def backup(
    data: Annotated[Path, typer.Argument(help="A data folder; an exchange may be using it.")],
    dest: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    as_json: _Json = False,
) -> None:
    """Copy an exchange to another folder, while it runs or not."""
    kept = composition.backup(data, dest)
    if as_json:
        _say(kept)
        return
    typer.echo(f"{kept.folder}: {kept.commands} commands, digest {kept.digest}")


@app.command()
def restore(
    data: Annotated[Path, typer.Argument(help="A data folder that no exchange is using.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="A backup; DATA may be empty then.")
    ] = None,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss", help="Cut off what follows the last good record, if nobody has it."
        ),
    ] = False,
    rebook: Annotated[
        bool,
        typer.Option("--rebook", help="Take the books that this program makes of the journal."),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Mend a data folder, or make it of a backup.

    What was acknowledged stays, unless --accept-loss says otherwise.
    """
    kept = composition.restore_folder(data, source, accept_loss=accept_loss, rebook=rebook)
    if as_json:
        _say(kept)
        return
    done = f"blocks mended: {kept.mended_blocks}, bytes regained: {kept.regained_bytes}"
    lost = f", bytes lost: {kept.lost_bytes}" if kept.lost_bytes else ""
    typer.echo(f"{kept.folder}: {kept.commands} commands, digest {kept.digest}; {done}{lost}")


@app.command()
def snapshot(
    data: Annotated[Path, typer.Argument(help="A data folder; an exchange may be using it.")],
) -> None:
    """Take a snapshot, so that the next start is short."""
    taken = composition.take_snapshot(data)
    typer.echo(f"{taken.position.seq} commands, state {taken.state_hash}")


def _say(what: msgspec.Struct) -> None:
    typer.echo(msgspec.json.encode(what).decode())


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        app(standalone_mode=False)
    except SettingsError as error:
        _fail(str(error), 2)
    except SimExchangeError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.filename or 'system'}: {error.strerror}", 1)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(0)
    except Exception as error:
        # A usage error: typer's releases name its class differently, but all have these two.
        sentence = getattr(error, "format_message", None)
        if sentence is None:
            raise
        _fail(sentence(), getattr(error, "exit_code", 2))
    sys.exit(0)


def _fail(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"sim-exchange: {sentence}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
