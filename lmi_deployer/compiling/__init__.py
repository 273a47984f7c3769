"""Ahead-of-time compilation, done: looks engines up, starts jobs, follows and collects them."""
