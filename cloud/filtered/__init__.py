"""Counts as they are and without what is flagged, side by side. Nothing here decides what is flagged."""
