"""The box in a township: journal, forwarder, node health."""
