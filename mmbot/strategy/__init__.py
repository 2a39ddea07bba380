"""Strategies: what they see and answer (api), how they are found (loader), those that come along."""
