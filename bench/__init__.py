"""Performance measurements: `python -m bench.NAME` runs one and prints a JSON object as its last line."""
