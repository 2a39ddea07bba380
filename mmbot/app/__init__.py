"""Composes a run and ends it cleanly; the only part that knows everybody."""
