"""What crosses a wire: structs, codec, topics, signing, errors; no I/O."""
