"""Compares `lmi-deploy lint` with the server's own code, version by version.

`servers.yaml` says which handler of the server each version runs for each backend. `oracle.py`
takes the Python package of a version out of a djl-serving repository and asks that handler, in a
child process with stand-ins for every library, what it makes of generated settings; `handover.py`
is the Java part before it. `recorded/` holds the verdicts, so that the tests need no repository.

    python -m tests.conformance.report               where lint and the recorded verdicts differ
    DJL_SERVING_REPOSITORY=... pytest tests/conformance      asks the server afresh
    DJL_SERVING_REPOSITORY=... python -m tests.conformance.record     records anew
    CONFORMANCE_SHARE=1 pytest tests/conformance     compares every recorded case, not half of them
    CONFORMANCE_DEPTH=5 DJL_SERVING_REPOSITORY=... pytest tests/conformance    generates more
"""
