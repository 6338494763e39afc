"""The real servers of a city, each started as a child of ours on loopback, with its files in a folder of its own."""
