"""What is wrong with a data set, before a night is spent on it."""
