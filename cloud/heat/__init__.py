"""At which hour of which weekday people come, and how satisfied they are."""
