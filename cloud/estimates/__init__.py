"""Ratings whose time is an estimate: the bounds of each range of them, and how many stand in which minute."""
