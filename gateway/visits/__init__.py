"""Being asked: a service was finished at a window, somebody is asked to rate, and the city is told what came of it."""
