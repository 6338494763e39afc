"""The fault simulator: what can go wrong does, under load, and the one verdict says whether anything was lost."""
