"""The table of what is flagged, counted as the tallies count everything."""

from cloud.tallies.tables import counted, number, word

# Of the ratings in `tally_minute`, those with a flag, each once however many flags it has.
tally_flagged = counted("tally_flagged", number("minute"), word("window"), word("channel"))
