"""Stand-ins for what an LMI image has and this machine lacks.

Each module is copied into the container's folder and runs there by itself, under the name of what
it stands for: it imports the standard library alone.
"""
