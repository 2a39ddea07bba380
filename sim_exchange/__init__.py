"""A local derivatives exchange that speaks the BitMEX REST and WebSocket protocol."""
