"""Prices that nobody trades at: indices, minute samples, impact prices and fair basis."""
