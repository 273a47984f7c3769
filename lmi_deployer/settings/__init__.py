"""What one container version makes of its settings, as a file or environment writes them.

`values.py` reads one value, `table.py` holds what a version knows, `view.py` is one set of
settings with all that is known about model and machine, and `judge.py` puts them together.
"""
