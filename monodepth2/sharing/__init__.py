"""A model handed on: its files, what is said of it, and the way to the hub."""
