"""Visits at which somebody was asked to rate: what gateways tell, beside the ratings that carry a visit's token."""
