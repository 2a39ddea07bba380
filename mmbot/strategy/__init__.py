"""Strategies: what they see and answer, how they are found, those that come along."""
