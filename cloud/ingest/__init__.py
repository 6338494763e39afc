"""From the broker to the ledger: read, verify, fold, commit, answer."""
