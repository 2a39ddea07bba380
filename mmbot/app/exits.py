"""What a command's exit code says (design.md, Command line)."""

from enum import IntEnum

from mmbot.errors import (
    AccessRefusedError,
    LimitError,
    SettingsError,
    StrategyLoadError,
    VenueUnavailableError,
)


class ExitCode(IntEnum):
    """How a command ended."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    ACCESS = 3
    UNREACHABLE = 4
    LIMIT = 5
    LEFT = 6


_CODES: dict[type[Exception], ExitCode] = {
    SettingsError: ExitCode.USAGE,
    StrategyLoadError: ExitCode.USAGE,
    AccessRefusedError: ExitCode.ACCESS,
    VenueUnavailableError: ExitCode.UNREACHABLE,
    LimitError: ExitCode.LIMIT,
}


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code that an error stands for."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
