"""Accounts, positions, orders: who owns them, where they rest, and who trades with whom."""
