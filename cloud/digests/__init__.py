"""How each place did yesterday and last week, told to its leaders on duty in the morning."""
