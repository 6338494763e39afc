"""The city's ledger: every signed batch as received, in one gapless order."""
