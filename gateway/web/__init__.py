"""What the gateway serves over HTTP inside the township, also while the line to the city is cut."""
