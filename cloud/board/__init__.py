"""The board: what the wall shows now, and the stream that carries it there."""
