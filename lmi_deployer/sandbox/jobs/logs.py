"""Where a training job's output goes: CloudWatch Logs."""

from __future__ import annotations

import time

from moto.logs.models import logs_backends

GROUP = "/aws/sagemaker/TrainingJobs"


class JobLog:
    """The log stream of one job's container. To be written under the gateway's lock."""

    def __init__(self, *, account: str, region: str, job: str) -> None:
        self._backend = logs_backends[account][region]
        self._stream = f"{job}/algo-1-{int(time.time())}"

    def write(self, line: str) -> None:
        """Add a line. SageMaker makes the stream with the first one."""
        if GROUP not in self._backend.groups:
            self._backend.create_log_group(GROUP, {})
        self._backend.ensure_log_stream(GROUP, self._stream)
        # CloudWatch Logs takes no empty message, and drops it.
        if line:
            event = {"timestamp": int(time.time() * 1000), "message": line}
            self._backend.put_log_events(GROUP, self._stream, [event])
