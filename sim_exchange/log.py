"""Logs: structlog to standard error, a console style on a terminal and JSON lines otherwise.

An event is a constant phrase in lower case; facts are keys. The core does not log, and nobody logs
a secret. Standard output belongs to the ready line.
"""

import logging
import sys

import structlog


def set_up_logs() -> None:
    """Send everything from ``info`` up to standard error."""
    console = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
