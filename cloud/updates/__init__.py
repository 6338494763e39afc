"""Changing the times of many nodes in stages: one first, then a tenth, then all, never on past one that fails."""
