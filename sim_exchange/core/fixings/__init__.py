"""Prices that nobody trades at: indices, minute samples, impact prices, fair basis; integers only."""
