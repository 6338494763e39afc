"""Files that belong to cases: which may come, where they are kept, and giving them to whoever sees the case."""
