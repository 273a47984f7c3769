"""Training and optimization jobs, which run processes in the background: see `machine`."""
