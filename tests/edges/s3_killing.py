"""Commits an artifact to S3 in a process of its own, which kills itself at one of its calls.

`python -m tests.edges.s3_killing ENDPOINT ACCESS_KEY SECRET_KEY ROOT SOURCE N MOMENT`
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from pathlib import Path
from threading import Lock
from typing import Any

PART_BYTES = 5 * 1024**2
"""The smallest part that S3 takes."""


@functools.cache
def _session() -> Any:
    """One for all clients: what it has read of S3's model is read once."""
    from botocore.session import Session

    return Session()


def client(endpoint: str, access_key: str, secret_key: str) -> Any:
    """A client as containers have it: botocore's own."""
    from botocore.config import Config

    return _session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(proxies={}),
    )


def _main(endpoint: str, access: str, secret: str, root: str, source: str, n: str, moment: str):
    from botocore.client import BaseClient

    from lmi_deployer.artifact.s3_store import S3Store
    from tests.unit.artifact.artifacts import commit_here

    clients: Any = BaseClient
    send = clients._make_api_call
    lock = Lock()
    begun = 0

    def counted(self: Any, operation: str, request: Any) -> Any:
        nonlocal begun
        with lock:
            begun += 1
            is_last = begun == int(n)
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return send(self, operation, request)
        finally:
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)

    clients._make_api_call = counted
    store = S3Store(client(endpoint, access, secret), root, part_bytes=PART_BYTES)
    commit_here(store, Path(source))
    sys.stdout.write(f"{begun}\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
