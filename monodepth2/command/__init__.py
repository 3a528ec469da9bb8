"""`monodepth2 COMMAND ...`: one entry point to everything that the package does."""
