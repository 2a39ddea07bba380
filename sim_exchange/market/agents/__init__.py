"""Background traders, one file a kind; each is an account that comes through the session's door."""
