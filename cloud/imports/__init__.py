"""Registering from a table: what a file would change is shown first, and then done exactly so or not at all."""
