"""Contacts that citizens leave for a call back: each in one file outside the database, read one by one, deleted."""
