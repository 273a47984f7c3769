"""Logs of SageMaker's jobs on CloudWatch, read bit by bit while a job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.errors import AwsError, CredentialsError, UnreachableError

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import Calls

PAGES = 20
"""Of a megabyte each: how much of a log one look reads at most; the next goes on from there."""
LAST_LINES = 100


class JobLogs:
    """The logs of one group, with how far each stream has been read."""

    def __init__(self, calls: Calls, group: str) -> None:
        self._calls = calls
        self._group = group
        self._read_to: dict[str, str] = {}
        self._is_refused = False

    def read(self, job: str, *, has_ended: bool) -> tuple[str, ...]:
        """The lines of a job since the last call; of one that had ended by the first, the last.

        A log that cannot be read hides nothing else about the job: a line says so, once.
        """
        if self._is_refused:
            return ()
        try:
            lines: list[str] = []
            for stream in self._streams(job):
                if has_ended and stream not in self._read_to:
                    lines += self._last(stream)
                else:
                    lines += self._new(stream)
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            if "ResourceNotFound" in str(error):  # nothing has been logged yet
                return ()
            self._is_refused = True
            return (f"(the log in {self._group} cannot be read: {error.problem})",)
        return tuple(lines)

    def _streams(self, job: str) -> list[str]:
        """Names of a job's streams, oldest first; a spot job that starts over has several."""
        found = self._calls.pages(
            "logs",
            "DescribeLogStreams",
            "logStreams",
            logGroupName=self._group,
            logStreamNamePrefix=f"{job}/",
        )
        ordered = sorted(
            found, key=lambda item: (item.get("creationTime", 0), item["logStreamName"])
        )
        return [item["logStreamName"] for item in ordered]

    def _new(self, stream: str) -> list[str]:
        lines: list[str] = []
        for _ in range(PAGES):
            request = {"nextToken": self._read_to[stream]} if stream in self._read_to else {}
            page = self._calls.call(
                "logs",
                "GetLogEvents",
                logGroupName=self._group,
                logStreamName=stream,
                startFromHead=True,
                **request,
            )
            lines += [event["message"].rstrip("\n") for event in page["events"]]
            # Pages between others may be empty; only a token that stays the same is the end.
            is_last = page["nextForwardToken"] == self._read_to.get(stream)
            self._read_to[stream] = page["nextForwardToken"]
            if is_last:
                break
        return lines

    def _last(self, stream: str) -> list[str]:
        page = self._calls.call(
            "logs",
            "GetLogEvents",
            logGroupName=self._group,
            logStreamName=stream,
            startFromHead=False,
            limit=LAST_LINES,
        )
        self._read_to[stream] = page["nextForwardToken"]
        return [event["message"].rstrip("\n") for event in page["events"]]
