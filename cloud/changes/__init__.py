"""The log of changes: who did what to what, when. It only grows."""
