"""What a person sees: the live screen, the last table, the report with its pictures."""
