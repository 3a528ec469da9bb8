"""Files from outside, read without trust, and files of our own, written whole."""
