"""A run: the loop, a step, its data, what it logs, its folder, and going on after an end."""
