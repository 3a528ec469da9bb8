"""The machine: devices, precision, processes, random states, signals, threads, optional packages."""
