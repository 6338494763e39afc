"""Who and what there is: places, windows, nodes and their keys, each with the dates it is valid for."""
