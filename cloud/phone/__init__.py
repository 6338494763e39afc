"""Rating by one's own telephone: a code that the hall alone shows, and a rating in the same ledger."""
