"""Judgements of flags: filed under two signatures, they take ratings out of reports, and out of nothing else."""
