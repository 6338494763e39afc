"""Finding a window, a device, a place, a case or a person by a part of the name, within what the asker may see."""
