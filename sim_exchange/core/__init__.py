"""The exchange itself: commands in, events out; integers only, no clock, no socket, no file."""
