"""Compilations as jobs of SageMaker: what training and optimization jobs have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lmi_deployer.aot.decision import Attempt, Done, Follow, decide, job_name
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runner import JobState, Phase
from lmi_deployer.compiling.standing import standing
from lmi_deployer.errors import AwsError, DeploymentError, InputError

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import Calls
    from lmi_deployer.steps import CompileEngine

SEEN_ATTEMPTS = 5
"""A job that was just created may not be seen by the next call for some seconds."""
MANY = 100
"""More attempts for one engine than anybody starts; ends the search for the last one."""
ABSENT = ("Requested resource not found", "Could not find", "ResourceNotFound")
"""What describing a job that does not exist says, in codes that differ.

Source: https://github.com/aws/aws-sdk/issues/165
"""


class SageMakerJobs:
    """Runs compile steps as one kind of job of one account; `store` is the steps' cache."""

    can_detach = True
    survives_interrupt = True
    kind = ""
    """In the API's names of its calls and members: `TrainingJob`."""
    is_collected = False
    """True where whoever finds a job's output commits it; else the job itself does."""

    def __init__(
        self,
        calls: Calls,
        store: Store,
        *,
        say: Callable[[str], None] = lambda _line: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls = calls
        self.store = store
        self._say = say
        self._pause = pause
        self._new: dict[str, int] = {}
        """Jobs created by this runner: how often they may still not be found."""

    # What differs

    def prepare(self, step: CompileEngine, job: str) -> None:
        """Put what a job reads where it reads it."""

    def phase(self, found: Mapping[str, Any]) -> Phase:
        """How far a job is, by what describing it says."""
        raise NotImplementedError

    def writes_to(self, found: Mapping[str, Any], step: CompileEngine) -> bool:
        """Whether a job of a step's key writes to that step's cache."""
        raise NotImplementedError

    def state(self, job: str, found: Mapping[str, Any]) -> JobState:
        """A job as it is now, by what describing it says; without its log."""
        raise NotImplementedError

    def new_lines(self, job: str, *, has_ended: bool) -> tuple[str, ...]:  # noqa: ARG002
        """What a job has logged since the last call."""
        return ()

    # The runner

    def find(self, step: CompileEngine) -> JobState | None:
        """The job of this key and cache that was started last, or None; without its log."""
        state = None
        for attempt, found in self._attempts(step):
            if attempt.is_ours:
                state = self.state(job_name(step.key, attempt.number), found)
        return state

    def start(self, step: CompileEngine) -> str:
        """Start the next attempt, or find the job that runs; its name.

        Of two that start at once SageMaker refuses one, which then follows the other.
        """
        for _ in range(MANY):
            attempts = [attempt for attempt, _ in self._attempts(step)]
            is_forced = step.job["is_forced"]  # what is committed is what it is to replace
            is_committed = not is_forced and standing(step, self.store).whole is not None
            decision = decide(attempts, is_committed=is_committed, is_collected=self.is_collected)
            if isinstance(decision, Done):
                return job_name(step.key, attempts[-1].number if attempts else 1)
            name = job_name(step.key, decision.number)
            if isinstance(decision, Follow) or self._create(step, name):
                return name
        raise DeploymentError(f"no attempt for engine {step.key} could be started")

    def look(self, job: str) -> JobState:
        """How a job is doing, with what is new in its log."""
        found = self.described(job)
        if found is None and self._new.get(job):
            self._new[job] -= 1
            return JobState(name=job, phase="waiting", note="Starting")
        if found is None:
            raise InputError(f"there is no job {job}", fix="without --resume")
        state = self.state(job, found)
        has_ended = state.phase not in {"waiting", "running"}
        return replace(state, lines=self.new_lines(job, has_ended=has_ended))

    def stop(self, job: str) -> None:
        """Stop a job that runs; one that has ended, or is about to, is left as it is."""
        try:
            self.calls.call("sagemaker", f"Stop{self.kind}", **{f"{self.kind}Name": job})
        except AwsError as error:
            found = self.described(job)
            if found is None:
                raise error from None
            is_ending = str(found[f"{self.kind}Status"]).upper() == "STOPPING"
            if not is_ending and self.phase(found) in {"waiting", "running"}:
                raise error from None

    def described(self, job: str) -> dict[str, Any] | None:
        """What describing a job says; None where there is none."""
        try:
            request = {f"{self.kind}Name": job}
            return self.calls.call("sagemaker", f"Describe{self.kind}", **request)
        except AwsError as error:
            if any(text in str(error) for text in ABSENT):
                return None
            raise

    def _attempts(self, step: CompileEngine) -> Iterator[tuple[Attempt, Mapping[str, Any]]]:
        """Every job of this key in order, and what describing it says.

        Names are without gaps, so none has to be listed.
        """
        for number in range(1, MANY + 1):
            found = self.described(job_name(step.key, number))
            if found is None:
                return
            attempt = Attempt(
                number=number,
                phase=self.phase(found),
                is_ours=self.writes_to(found, step),
            )
            yield attempt, found

    def _create(self, step: CompileEngine, name: str) -> bool:
        """Create a job; False where somebody else just has."""
        if step.request is None:
            raise InputError("this plan is not for a job of SageMaker", fix="make a new plan")
        self.prepare(step, name)
        request = {f"{self.kind}Name": name, **step.request}
        try:
            self.calls.call("sagemaker", f"Create{self.kind}", **request)
        except AwsError as error:
            # Refused for its name, or for a quota that the same job takes up, or sent twice by
            # botocore after a lost answer: what counts is whether the job is there by now.
            is_taken = "ResourceInUse" in error.problem
            if not (self._is_seen(name) if is_taken else self.described(name)):
                raise
            self._say(f"job {name} has just been started already")
            return False
        self._new[name] = SEEN_ATTEMPTS
        return True

    def _is_seen(self, name: str) -> bool:
        """Whether a job that somebody has just created is there, which may take a while to show."""
        for attempt in range(1, SEEN_ATTEMPTS + 1):
            if self.described(name) is not None:
                return True
            self._pause(attempt)
        return False
