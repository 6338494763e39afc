"""What an outsider must be able to recompute: ledger reading, completeness, tallies, scores."""
