"""Seals: closing a day of the ledger, and showing what was closed."""
