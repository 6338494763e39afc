"""Ratings over time: trends and drill-down, behind a port with exchangeable stores."""
