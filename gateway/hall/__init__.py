"""The screen of a township's hall: today's results behind the veil, who sits where, notices, codes."""
