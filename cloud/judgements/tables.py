"""The table of what is upheld as misuse, counted as the tallies count everything."""

from cloud.tallies.tables import counted, number, word

# Of the ratings in `tally_minute`, those that an upheld flag covers, each once however many flags it has.
tally_upheld = counted("tally_upheld", number("minute"), word("window"), word("channel"))
