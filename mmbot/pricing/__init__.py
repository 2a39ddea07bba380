"""The formulas of the lessons, one file each: floats in, floats out, nothing remembered."""
