"""Input that was refused, kept with its reason: bad input is never fatal and never silent."""
