"""The city: ingest, ledger, series, board, wall."""
