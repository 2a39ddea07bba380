"""Strategies that come along, one file each."""
