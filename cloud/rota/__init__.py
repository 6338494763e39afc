"""Which leader sees to a place at a time, and who does when that one does not: the A and the B of the rota."""
