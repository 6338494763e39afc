"""Counting every tally again from the ledger: in one pass, in little memory, while the city runs."""
