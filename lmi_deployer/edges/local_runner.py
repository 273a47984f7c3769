"""What every runner of this machine is given: a cache, weights to fetch, a folder to work in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.artifact.store import Store
from lmi_deployer.edges.local_jobs import Say, work_folder

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws


class LocalRunner:
    """The part that Docker and tensorrt-llm on this machine have in common."""

    survives_interrupt = False
    """A job that nobody waits for any more would hold the GPUs unseen."""

    def __init__(
        self,
        store: Store,
        aws: Aws | None = None,
        *,
        source: str | None = None,
        weights_bytes: int | None = None,
        folder: Path | None = None,
        say: Say = lambda _line: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`store` is the cache of the steps.

        `source` is the S3 folder of weights that a job wants mounted, and `weights_bytes` their
        size where it is known.
        """
        self._store = store
        self._aws = aws
        self._source = source
        self._weights_bytes = weights_bytes
        self._folder = (folder or work_folder()).absolute()
        self._say = say
        self._now = now
