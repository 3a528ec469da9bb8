"""The newcomer's demo: render a drive, train on it, score it, show it on a page."""
