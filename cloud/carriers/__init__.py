"""Carriers: browsers that keep ratings until the city holds them, such as a tablet at a window."""
