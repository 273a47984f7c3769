"""The parts of `resolve`: settings, the endpoint, and what only the memory can decide."""
