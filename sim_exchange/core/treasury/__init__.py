"""Coins: the double-entry ledger, and the lending desk that moves principal over it."""
