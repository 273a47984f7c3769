"""One build of an engine at a time, over all machines that share a cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from lmi_deployer.artifact import claims, committing
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.errors import AwsError

WATCHED_SECONDS = 1800
"""A claim of a job that is looked at: it runs out soon after whoever follows the job is gone."""
ELSEWHERE = " elsewhere"
"""Ends the name of a job that another machine runs."""


@dataclass
class Claimed:
    """The right to build one engine, held by this machine or by another."""

    store: Store
    prefix: str
    owner: str
    now: Callable[[], float] = time.time
    _claim: claims.Claim | None = None

    def take(self, seconds: float) -> bool:
        """True where this machine has the right now, for so long; False where another has it."""
        self._claim = claims.take(self.store, self.prefix, self.owner, self.now(), seconds)
        return self._claim is not None

    def watch(self) -> None:
        """Keep a right that this process has taken, or take back this machine's own.

        A job that has lost it goes on: two that build the same end up with the same.
        """
        if self._claim is None or not self._is_fresh(self._claim):
            # The job needs no store before it ends, and credentials may be back by then.
            with suppress(StoreError, AwsError):
                self.take(WATCHED_SECONDS)

    def _is_fresh(self, claim: claims.Claim) -> bool:
        """True while neither too little of the claim is left, nor more than it is watched for."""
        return WATCHED_SECONDS / 2 < claim.ends_seconds - self.now() <= WATCHED_SECONDS

    def release(self) -> None:
        """Let others have it; where the store cannot be written to, it runs out by itself."""
        self._claim = None
        with suppress(StoreError, AwsError):
            found = claims.look(self.store, self.prefix)
            if found is not None and found.owner == self.owner:
                claims.release(self.store, self.prefix, found)

    def is_committed(self) -> bool:
        """True where the engine is in the cache."""
        return committing.find(self.store, self.prefix) is not None

    def is_elsewhere(self) -> bool:
        """True while another machine has the right."""
        found = claims.look(self.store, self.prefix)
        return found is not None and found.owner != self.owner and found.is_live(self.now())

    def elsewhere(self, name: str) -> JobState:
        """How the machine that has the right is doing, as far as the cache tells."""
        if self.is_committed():
            return JobState(name=name, phase="done")
        found = claims.look(self.store, self.prefix)
        if found is None or not found.is_live(self.now()):
            gone = "another machine" if found is None else found.owner
            return JobState(
                name=name, phase="stopped", reason=f"{gone} has given up without committing it"
            )
        return JobState(
            name=name,
            phase="waiting",
            note=f"{found.owner} builds it since {_utc(found.taken_seconds)}, and holds it until"
            f" {_utc(found.ends_seconds)}",
        )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
