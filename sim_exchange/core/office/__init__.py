"""The venue's own business: accounts and cash, listings, modes, prints, the days."""
