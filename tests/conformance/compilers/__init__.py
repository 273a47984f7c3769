"""The command lines that compile, held against the parsers of the compile scripts themselves.

Recorded parsers are in compilers.yaml; the scripts are read from a repository of djl-serving, which
the environment variable DJL_SERVING_REPOSITORY names, as for the other conformance tests.
"""
