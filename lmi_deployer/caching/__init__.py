"""What lies in a cache of compiled engines, and what of it may go."""
