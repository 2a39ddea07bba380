"""Venues: what any venue can do (port), and those we speak."""
