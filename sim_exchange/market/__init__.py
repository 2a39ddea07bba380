"""The rest of the market: where prices come from, what is listed, and who trades besides us."""
