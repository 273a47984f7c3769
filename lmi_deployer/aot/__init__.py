"""Ahead-of-time compilation, decided: what an engine depends on, its key, its job. Pure."""
