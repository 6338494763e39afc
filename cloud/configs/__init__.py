"""How each node is set up: every version that it was ever given, by whom and why, and which one it has taken."""
