"""Hostile files for every reader: a table of readers, what damages a file, and what a reader must do with it."""
