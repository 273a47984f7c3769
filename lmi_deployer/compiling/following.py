"""Brings one engine into its cache: starts its job or follows the one that runs, then checks.

What goes wrong with the following never stops a job that goes on by itself: SageMaker's jobs do,
and the same command with --resume goes on with them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lmi_deployer.apply import REPORT_EVERY_SECONDS, Clock
from lmi_deployer.artifact.manifest import MANIFEST_FILE, Manifest, as_json
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.compiling.failing import OUR_LINES, failure, whole_log
from lmi_deployer.compiling.runner import JobState, Runner
from lmi_deployer.compiling.standing import prefix_of, standing
from lmi_deployer.compiling.submitting import Begin, Say, started, submit, submit_anew
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    DeploymentError,
    LmiDeployError,
    StillRunningError,
    StoppedError,
)
from lmi_deployer.steps import CompileEngine

KEPT_LINES = 200
"""Of a job's log, for the error of one that fails: more than that repeats, which leaves some out.
"""
NOTES = {"Interrupted": "Interrupted: its spot machine was taken, and SageMaker starts it over"}
"""What some of SageMaker's own words for a job mean."""
NOTHING_COMMITTED = "it ended well, but committed no artifact"
BLIPS = 20
"""Looks in a row that may fail before the following, not the job, is given up."""
SAME_COMMAND = "the same command"


@dataclass(frozen=True, kw_only=True)
class Following:
    """How a job is followed."""

    clock: Clock
    say: Say
    shows_log: bool = False
    """True for every line of the job's log; else only those of the entry point."""
    resume: str = SAME_COMMAND
    """What to run to go on where this was interrupted."""
    stop: str | None = None
    """What to run to end a job that goes on by itself."""
    runner: str = "sagemaker"
    """What kind of job it is, which says where its log is."""

    @property
    def go_on(self) -> str:
        """The way on after an interruption."""
        again = "" if self.resume == SAME_COMMAND else "`"
        return f"go on with {again}{self.resume}{again}; nothing is compiled twice"


def compile_engine(
    step: CompileEngine,
    runner: Runner,
    *,
    store: Store,
    clock: Clock,
    say: Say,
    shows_log: bool = False,
    resume: str = SAME_COMMAND,
    stop: str | None = None,
    may_start: bool = True,
    anew: bool = False,
) -> Manifest:
    """The committed artifact of a step, compiled first where it is not in the cache, or `anew`.

    `store` is the cache. Without `may_start` only a job that was started before is gone on with.
    Raises GateError where the quality gate failed, DeploymentError where the job did, and
    StillRunningError when the wait outlasts the clock's limit.
    """
    how = Following(
        clock=clock,
        say=say,
        shows_log=shows_log,
        resume=resume,
        stop=stop,
        runner=step.runner,
    )
    try:
        found = None if anew else committed(step, store, say)
        if found is not None:
            say(f"engine {step.key[:8]} is in {step.cache} already")
            return found
        begin = started if not may_start else submit_anew if anew else submit
        return _made(step, runner, store, how, begin)
    except StoreError as error:
        raise DeploymentError(str(error), fix="run the same command again") from error


def _made(
    step: CompileEngine, runner: Runner, store: Store, how: Following, begin: Begin
) -> Manifest:
    job = None
    mark = prefix_of(step) + MANIFEST_FILE
    before = store.read(mark) if step.job["is_forced"] else None
    try:
        job = begin(step, runner, store, how.say)
        follow(job, runner, how)
        runner.collect(step, job)
        return _verified(step, store, job, before)
    except KeyboardInterrupt:
        raise _interrupted(job, runner, how) from None


def committed(step: CompileEngine, store: Store, say: Say) -> Manifest | None:
    """The artifact of a step, if one that can be used is in the cache; costs a few calls."""
    found = standing(step, store)
    if found.problems:
        what = "; ".join(found.problems)
        say(f"what is in {store.root}{prefix_of(step)} is of no use: {what}")
    return found.whole


def follow(job: str, runner: Runner, how: Following) -> JobState:
    """The job once it is done. Raises DeploymentError or GateError where it did not end well."""
    clock = how.clock
    begun = reported = clock.now()
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    shown, blips = "", 0
    while True:
        try:
            state = runner.look(job)
        except AwsError as error:
            blips += 1
            _bear(error, job, runner, how, blips)
            clock.pause(clock.poll_seconds)
            continue
        blips = 0
        kept.extend(state.lines)
        for line in state.lines:
            if how.shows_log or line.startswith(OUR_LINES):
                how.say(f"  {line.removeprefix(OUR_LINES)}")
        elapsed = clock.now() - begun
        now = NOTES.get(state.note, state.note) or state.phase
        if now != shown or clock.now() - reported >= REPORT_EVERY_SECONDS:
            waited = f" ({elapsed / 60:.0f} min)" if shown else ""
            how.say(f"job {job}: {now}{waited}")
            shown, reported = now, clock.now()
        if state.phase == "done":
            return state
        if state.phase in {"failed", "stopped"}:
            raise failure(state, kept, runner=how.runner)
        if runner.can_detach and elapsed >= clock.limit_seconds:
            raise StillRunningError(
                f"job {job} is still {now} after {elapsed / 60:.0f} minutes", fix=how.go_on
            )
        clock.pause(clock.poll_seconds)


def _bear(error: AwsError, job: str, runner: Runner, how: Following, blips: int) -> None:
    """Go on after a look that failed, or raise StillRunningError: the job itself goes on."""
    if blips == 1:
        how.say(f"job {job} cannot be looked at: {error.problem}")
    # A local job ends with this command, so that its looks are borne for as long as it lasts.
    if not runner.can_detach:
        return
    if isinstance(error, CredentialsError):
        raise StillRunningError(
            f"the credentials have expired ({error.problem}); job {job} goes on by itself",
            fix=f"sign in again, then {how.go_on}",
        ) from error
    if blips >= BLIPS or "AccessDenied" in error.problem:
        raise StillRunningError(
            f"job {job} cannot be looked at any more, and goes on by itself: {error.problem}",
            fix=how.go_on if error.fix is None else f"{error.fix}; then {how.go_on}",
        ) from error


def _verified(step: CompileEngine, store: Store, job: str, before: bytes | None) -> Manifest:
    """The manifest that a finished job has committed, if it is this engine's and all is there.

    For a job that was to make the engine anew, `before` is what had stood there when it was begun
    or gone on with.
    """
    found = standing(step, store)
    if found.whole is not None:
        is_by_job = found.whole.made.get("job") == job
        if before is None or is_by_job or as_json(found.whole) != before:
            return found.whole
        raise DeploymentError(
            f"job {job} has ended without making the engine anew; the one before it is still there",
            fix="`lmi-deploy compile --force` once more",
        )
    if found.manifest is None:
        problem = "; ".join((NOTHING_COMMITTED, *found.problems))
        fix = f"{whole_log(step.runner, job)} before another job is started"
    else:
        problem = f"what it has committed is of no use: {'; '.join(found.problems)}"
        fix = "`lmi-deploy compile --force`, which compiles it anew"
    raise DeploymentError(f"job {job}: {problem}", fix=fix)


def _interrupted(job: str | None, runner: Runner, how: Following) -> LmiDeployError:
    """What an interruption ends in; a job that would go on unseen on this machine is stopped."""
    if runner.survives_interrupt:
        what = "a job may have been started" if job is None else f"job {job} goes on by itself"
        end = "" if how.stop is None else f"; `{how.stop}` stops it"
        return StoppedError(f"interrupted; {what}{end}", fix=how.go_on)
    if job is not None:
        runner.stop(job)
    return StoppedError("interrupted; the compilation was stopped", fix=how.go_on)
