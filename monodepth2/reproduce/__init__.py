"""The paper's tables as a command: what each row trains, how it is scored, and what the paper states."""
