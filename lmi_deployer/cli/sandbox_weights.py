"""Weights for a sandbox: something has to lie where a profile says that its copy on S3 is."""

from __future__ import annotations

from lmi_deployer.cli.connection import Connection
from lmi_deployer.errors import InputError
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.spec import ResolvedSpec

STAND_IN = {"config.json": b"{}"}


def stock(spec: ResolvedSpec, connection: Connection) -> None:
    """Put a file where the weights of a spec should be, if they are compiled and there is none.

    Only in a sandbox. A real account without them is told so when the engine is looked up.
    """
    source, aws = spec.weights.source, connection.aws
    if connection.where is None or spec.compilation is None or source is None:
        return
    try:
        aws.weights_digest(source)
    except InputError:
        bucket, _ = bucket_and_key(source)
        if not aws.has_bucket(bucket):
            aws.create_bucket(bucket)
        store = aws.store(source)
        for path, content in STAND_IN.items():
            store.write(path, content)
