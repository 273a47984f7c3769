"""What the LMI server does with serving.properties and its environment before a handler sees them.

Pure functions over compiled facts (`facts.py`): `reading_properties.py`, `reading_environment.py`
and `reading_scripts.py` read files, `merging.py` lays file and environment over each other, and
`selection.py` follows the server to the engine, the handler and the rolling batch it chooses.
"""
