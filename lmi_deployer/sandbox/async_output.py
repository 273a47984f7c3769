"""Where an async invocation reads its input from and leaves its answer: in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
