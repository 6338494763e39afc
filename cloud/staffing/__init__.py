"""Whose a window is besides its node's: the office that it belongs to, and the person who is on duty at it."""
