"""S3 as SageMaker itself uses it for an account: without a request, under the gateway's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException
from moto.s3.models import FakeDeleteMarker, s3_backends

if TYPE_CHECKING:
    from moto.s3.models import S3Backend


class Storage:
    """S3 as one account sees it."""

    def __init__(self, account: str, partition: str) -> None:
        self.backend: S3Backend = s3_backends[account][partition]

    def read(self, location: str) -> bytes | None:
        """Object there, or None."""
        bucket, key = _parts(location)
        try:
            found = self.backend.get_object(bucket, key)
        except ServiceException:  # no such bucket
            return None
        return bytes(found.value) if found else None

    def write(self, location: str, content: bytes) -> None:
        """Put the content there. Raises moto's MissingBucket when there is no such bucket."""
        bucket, key = _parts(location)
        self.backend.put_object(bucket, key, value=content)

    def locations(self, prefix: str) -> list[str]:
        """Every object whose location begins so, in order; none where there is no such bucket."""
        bucket, start = _parts(prefix)
        if bucket not in self.backend.buckets:
            return []
        keys = self.backend.buckets[bucket].keys
        return [
            f"s3://{bucket}/{key}"
            for key in sorted(keys)
            if key.startswith(start) and not isinstance(keys[key], FakeDeleteMarker)
        ]


def _parts(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
