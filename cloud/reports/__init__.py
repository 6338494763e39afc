"""Published reports: editions of a period, frozen as entries of the ledger."""
