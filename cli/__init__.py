"""The `manyi` command: composition by lazy imports."""
