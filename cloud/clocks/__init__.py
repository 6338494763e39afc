"""The cross-check of clocks: what devices take for the time against when their word arrived. Flags, never refuses."""
