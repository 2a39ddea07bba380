"""Orders: their lives, where they rest, and who trades with whom."""
