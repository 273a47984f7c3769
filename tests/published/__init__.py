"""Configurations that the authors of the server publish, and what `lint` says of them."""
