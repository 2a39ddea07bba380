"""Snapshots of a running exchange, taken by a process beside it.

It brings the newest snapshot to the end of the journal by replaying what came since, so the
exchange itself does not stand still for it, however large it is.
"""

import asyncio
import sys
from pathlib import Path

import structlog

from sim_exchange.session import Session

_LOOK_S = 1.0

log = structlog.get_logger()


async def keep_snapshots(session: Session, data: Path, every: int) -> None:
    """Take a snapshot of ``data`` whenever ``every`` commands were made durable; 0 = never."""
    taken = session.seq
    while every:
        await asyncio.sleep(_LOOK_S)
        if session.synced_seq - taken >= every:
            taken = session.synced_seq
            await _take(data)


async def _take(data: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sim_exchange", "snapshot", str(data)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        # The journal has everything: without a snapshot the next start only takes longer.
        log.error("no snapshot", reason=said.decode("utf-8", "replace").strip())
