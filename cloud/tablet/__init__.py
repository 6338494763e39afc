"""Virtual windows: a tablet with three buttons on its screen, which works offline, and a rating in the same ledger."""
