"""Rows that stand in the ledger uncounted: which, why, and what a person decides about them."""
