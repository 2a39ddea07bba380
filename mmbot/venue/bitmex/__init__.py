"""The BitMEX protocol, as a client speaks it."""
