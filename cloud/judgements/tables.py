"""The table of what is upheld as misuse, counted as the tallies count everything."""

from cloud.tallies.tables import counted, word

# Of the ratings in `tally_day`, those that an upheld flag covers, each once however many flags it has.
tally_upheld = counted("tally_upheld", word("day"), word("window"), word("channel"))
