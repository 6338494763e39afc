"""Fingers, crowds, fleets and faults that drive the real edge and gateway code."""
