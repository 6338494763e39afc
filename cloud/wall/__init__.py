"""The wall: the page that the control centre looks at."""
