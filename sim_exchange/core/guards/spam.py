"""Spam orders (E21): who has too many small orders open is flagged, until a day finds him better.

While he is, his small orders are hidden, so that they pay as takers, and small post-only orders are
refused. The flags are looked at again at 00:00.
"""


class SpamRule:
    """The rule, and whom it has flagged; the one rule of an exchange."""

    __slots__ = ("flagged", "most", "value")

    def __init__(self, most: int, value: int) -> None:
        """Allow ``most`` open orders of less than ``value`` minor units each."""
        self.most = most
        self.value = value
        self.flagged: set[int] = set()

    def look(self, account: int, small: int) -> None:
        """Flag an account that has ``small`` small orders open, or take the flag from it."""
        if small > self.most:
            self.flagged.add(account)
        else:
            self.flagged.discard(account)
