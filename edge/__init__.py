"""The node at the windows: buttons, debounce, session, lights, outbox."""
