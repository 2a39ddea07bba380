"""What accounts must hold for positions and orders, and what happens when that is not enough."""
