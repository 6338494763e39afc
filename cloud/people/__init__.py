"""People: who may come in, what each role may see and do, and where."""
