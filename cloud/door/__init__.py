"""The door: what each request needs before it is answered. Nothing is served that its table does not name."""
