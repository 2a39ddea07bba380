"""Rows: pictures of the exchange as the venue's JSON objects, one module a group of tables.

A row is a plain dict in the venue's column order; every column is always there, absent values as in
protocol.md 1.4. Prices are spelt from integers, so no digit is ever lost.
"""

Row = dict[str, object]
"""One row of a table, camelCase, in the order of its columns."""
