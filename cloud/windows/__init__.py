"""A window as people look at it: whose it is, how it does, and when somebody last pressed at it."""
