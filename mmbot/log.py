"""Logs: structlog to standard error, a console style on a terminal and JSON lines otherwise.

An event is a constant phrase in lower case; facts are keys. Pure modules do not log, and nobody
logs a secret: settings keep them in ``SecretStr``, which shows stars.
"""

import logging
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


def set_up_logs(level: str = "info", style: str = "auto") -> None:
    """Send logs of ``level`` and up to standard error.

    Args:
        level: debug, info, warning or error.
        style: console, json, or auto: console on a terminal and JSON otherwise.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS.get(level, logging.ERROR)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_log() -> structlog.typing.FilteringBoundLogger:
    """Return the log of the bot."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mmbot")
    return log
