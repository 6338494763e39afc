"""Channels that the city itself speaks for: what it signs in a node's name, on its way into the ledger."""
