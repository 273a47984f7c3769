"""Where an async invocation reads its input from and leaves its answer: in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.s3.models import S3Backend


@dataclass(frozen=True, kw_only=True)
class AsyncLocations:
    """The two places of one invocation; AWS names them when it accepts the request."""

    output: str
    failure: str | None

    @classmethod
    def of(cls, config: Mapping[str, Any], inference_id: str) -> AsyncLocations:
        """Places under the endpoint's own paths. A failure path is optional."""
        failure = config.get("S3FailurePath")
        return cls(
            output=f"{config['S3OutputPath'].rstrip('/')}/{inference_id}.out",
            failure=failure and f"{failure.rstrip('/')}/{inference_id}-error.out",
        )


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


def _parts(location: str) -> tuple[str, str]:
    split = urlsplit(location)
    return split.netloc, split.path.lstrip("/")
