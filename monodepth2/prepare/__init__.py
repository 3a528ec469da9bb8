"""A video becomes a data set: what to keep of it, its camera, its mask, its lists, and a page that says why."""
