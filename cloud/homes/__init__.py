"""Home visits and village stations: an assistant's telephone, the record of a visit, and the rating of it."""
