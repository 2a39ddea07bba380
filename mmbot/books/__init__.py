"""What happened and what it earned: the run's file, its events, and P&L by part."""
