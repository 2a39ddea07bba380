"""Accounts, what their orders and positions hold, and what happens when that is not enough."""
