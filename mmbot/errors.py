"""The bot's error tree: who is wrong, and what to do next.

MMBotError
├── SettingsError             the settings, an option or an environment name is wrong (exit 2)
├── StrategyError             the user's code raised or answered nonsense
│     └── StrategyLoadError   a strategy reference can't be loaded (exit 2)
├── VenueError                the other side
│     ├── VenueUnavailableError   try again (exit 4 when never reached)
│     ├── VenueBusyError          try again after retry_after_s
│     ├── OrderRefusedError       do not repeat
│     └── AccessRefusedError      stop (exit 3)
├── StateDivergedError        cancel all, resync
└── LimitError                a limit of ours was reached (exit 5)
"""


class MMBotError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(MMBotError):
    """Settings are wrong; the text names the key, its value (no secret) and what is allowed."""


class StrategyError(MMBotError):
    """The user's strategy raised, or answered something that is not a quote."""


class StrategyLoadError(StrategyError):
    """A strategy reference can't be loaded; the text says what the module does have."""


class VenueError(MMBotError):
    """The venue refused or failed; ``status`` is HTTP's where there is one, else 0."""

    def __init__(self, message: str, *, status: int = 0, name: str = "") -> None:
        """Keep the venue's words."""
        super().__init__(message)
        self.status = status
        self.name = name


class VenueUnavailableError(VenueError):
    """The venue can't be reached or answers 5xx; try again."""


class VenueBusyError(VenueError):
    """The venue asks to slow down (429, 503)."""

    def __init__(
        self, message: str, *, retry_after_s: float, status: int = 0, name: str = ""
    ) -> None:
        """Say when to come back."""
        super().__init__(message, status=status, name=name)
        self.retry_after_s = retry_after_s


class OrderRefusedError(VenueError):
    """The venue refused the request itself; repeating it would not help."""


class AccessRefusedError(VenueError):
    """The venue refused the key, its signature or its permissions; stop."""


class StateDivergedError(MMBotError):
    """Our picture and the venue's differ; cancel all and start over from partials."""


class LimitError(MMBotError):
    """A limit of the settings was reached; the bot stops quoting."""
