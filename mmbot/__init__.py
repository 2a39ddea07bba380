"""A market-making bot framework: quote around spot + basis + skew, hedge on spot, settle flat."""
