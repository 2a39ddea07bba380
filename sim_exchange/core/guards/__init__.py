"""What protects a market and its users: announcements, circuit breakers, quality of quotes."""
