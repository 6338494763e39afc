"""Counts by window, minute and day; always in the same transaction as the ledger, always rebuildable from it."""
