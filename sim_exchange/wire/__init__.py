"""The BitMEX spelling: requests to commands, pictures of the exchange to camelCase rows."""
