"""Performance measurements; each module is run by `python -m bench.NAME` and prints one JSON object as its last line."""
