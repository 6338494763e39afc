"""What is done about a dissatisfied rating: a case, the steps taken in it, and by when each is due."""
