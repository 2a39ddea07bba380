"""Exposure to spot orders: at once while the contract lives, minute by minute while it settles."""
