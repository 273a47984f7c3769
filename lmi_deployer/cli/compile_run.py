"""Compiles engines for `lmi-deploy compile`: jobs of SageMaker at once, others in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lmi_deployer.apply import Clock
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.cli.compile_options import CompileOptions
from lmi_deployer.cli.connection import Connection
from lmi_deployer.compiling.following import compile_engine
from lmi_deployer.compiling.planning import Planned, Wanted
from lmi_deployer.compiling.room import Room
from lmi_deployer.compiling.runner import Runner
from lmi_deployer.compiling.runners import runner_for
from lmi_deployer.compiling.submitting import stop, submit, submit_anew
from lmi_deployer.errors import (
    AwsError,
    DeploymentError,
    GateError,
    InputError,
    LmiDeployError,
    StillRunningError,
    StoppedError,
)
from lmi_deployer.spec import GIB

Result = dict[str, Any]
LONGEST_WAIT_FACTOR = 2
"""Without --wait: a spot job may take twice as long as it may run."""
FORCED = " --force"
"""Ends a command about an engine that is made anew."""


@dataclass
class Compiling:
    """The engines of one command; remembers what failed while others went on."""

    wanted: list[Wanted]
    """A `Planned` for each that is not in the cache, or is to be made anew."""
    connection: Connection | None
    asked: CompileOptions
    say: Callable[[str], None]
    again: Callable[[Wanted], str]
    """A command about one of them, which `--resume` or `--stop` is put behind."""
    errors: list[LmiDeployError] = field(default_factory=list)
    _jobs: dict[int, str] = field(default_factory=dict)
    """The jobs that were submitted, by place in `wanted`."""
    _room: Room = field(default_factory=Room)
    _held: dict[int, Planned] = field(default_factory=dict)
    """What a quota has no room for yet."""
    _results: dict[int, Result] = field(default_factory=dict)
    _runners: dict[int, Runner] = field(default_factory=dict)

    @property
    def pending(self) -> list[Planned]:
        """What has to be compiled."""
        return [item for _, item in self._turns]

    @property
    def _turns(self) -> list[tuple[int, Planned]]:
        """The same, each with its place in `wanted`."""
        return [(at, item) for at, item in enumerate(self.wanted) if isinstance(item, Planned)]

    @property
    def worst(self) -> LmiDeployError | None:
        """The error that counts: one that waiting does not help against comes first."""
        return min(self.errors, key=_rank, default=None)

    @property
    def results(self) -> list[Result]:
        """What came of every engine, also where an interruption came before its turn."""
        return [self._results.get(place) or self._left(place) for place in range(len(self.wanted))]

    def go(self) -> None:
        """Compile what is pending, or start it with --detach; `results` has what came of each."""
        try:
            self._go()
        except KeyboardInterrupt:
            raise StoppedError(
                "interrupted; what has been submitted goes on by itself, `compile --stop` stops it",
                fix="go on with the same command; nothing is compiled twice",
            ) from None

    def _go(self) -> None:
        turns = self._turns
        for at, item in enumerate(self.wanted):
            if not isinstance(item, Planned):
                self._tell(at, "cached", size_gib=_size(item.engine.manifest))
        clock = self._clock()
        if self.asked.resume:
            turns = self._started(turns)
        else:
            turns = [(at, item) for at, item in turns if self._is_begun(at, item)]
        if self.asked.detach and not self.asked.resume:
            self._hold_back()
            return
        begun = clock.now()
        while turns:
            at, item = turns.pop(0)
            left = clock.limit_seconds - (clock.now() - begun)
            self._follow(at, item, replace(clock, limit_seconds=max(0.0, left)))
            turns += self._next(at)
        self._hold_back()

    def stop(self) -> None:
        """Stop the job of each engine, where one runs."""
        for at, item in self._turns:
            with self._noting(at):
                job = stop(item.step, self._runner(at, item))
                self._tell(at, "nothing runs" if job is None else "stopped", job=job)

    def _is_begun(self, at: int, item: Planned) -> bool:
        """Whether to follow an item: its job is submitted, if that is to be done beforehand.

        Jobs that take this machine are begun one after another, each when its turn comes.
        """
        with self._noting(at):
            runner = self._runner(at, item)
            if self.asked.detach and not runner.can_detach:
                raise InputError(
                    f"runner {item.step.runner} ends with the command",
                    fix="leave --detach out, or another --runner",
                )
            is_now = self.asked.detach or runner.survives_interrupt
            if is_now and not self._is_submitted(at, item, runner):
                self._held[at] = item
            elif self.asked.detach:
                self._tell(at, "started", job=self._jobs[at])
        return at not in self._results and at not in self._held

    def _is_submitted(self, at: int, item: Planned, runner: Runner) -> bool:
        """Whether an item has its job now; False where no quota has room for it yet."""
        if not self._room.has_room(item, runner):
            return False
        begin = submit_anew if self.asked.force else submit
        try:
            self._jobs[at] = begin(item.step, runner, item.store, self.say)
        except AwsError as error:
            if self._room.is_refused(item, error):
                return False
            raise
        self._room.take(item, self._jobs[at])
        return True

    def _next(self, ended: int) -> list[tuple[int, Planned]]:
        """Those that the end of a job has made room for, submitted now."""
        if self._results[ended]["status"] == "running":
            return []
        self._room.leave(self._jobs.get(ended))
        held, self._held = self._held, {}
        return [(at, item) for at, item in held.items() if self._is_begun(at, item)]

    def _hold_back(self) -> None:
        """Note those that no quota had room for."""
        for at, item in self._held.items():
            with self._noting(at, "held back"):
                raise self._room.held_back(item)

    def _started(self, turns: list[tuple[int, Planned]]) -> list[tuple[int, Planned]]:
        """Those with a job to go on with; all where nothing was ever started, a mistake."""
        if len(self.wanted) == 1:
            return turns
        with_job = [
            (at, item) for at, item in turns if self._runner(at, item).find(item.step) is not None
        ]
        if not with_job and len(turns) == len(self.wanted):
            return turns
        for at, item in turns:
            if (at, item) not in with_job:
                with self._noting(at, "held back"):
                    raise StillRunningError(
                        f"no job was started for {item.spec.title} yet",
                        fix=f"`{self.again(item)}` starts it",
                    )
        return with_job

    def _follow(self, at: int, item: Planned, clock: Clock) -> None:
        with self._noting(at):
            runner = self._runner(at, item)
            is_local = not runner.survives_interrupt
            again = self.again(item)
            try:
                manifest = compile_engine(
                    item.step,
                    runner,
                    store=item.store,
                    clock=clock,
                    say=self.say,
                    shows_log=self.asked.verbose,
                    resume=again if is_local else f"{again} --resume",
                    stop=f"{again.removesuffix(FORCED)} --stop",
                    may_start=not self.asked.resume and is_local,
                    anew=self.asked.force,
                )
            except StoppedError:
                if is_local:
                    self._tell(at, "stopped")
                raise
            self._tell(at, "compiled", job=manifest.made.get("job"), size_gib=_size(manifest))

    @contextmanager
    def _noting(self, at: int, left: str = "running") -> Iterator[None]:
        """Note the error of one engine, and let the others go on.

        `left` is the status of one that waiting helps.
        """
        try:
            yield
        except StoppedError:
            raise
        except LmiDeployError as error:
            status = left if isinstance(error, StillRunningError) else "failed"
            self._tell(at, status, job=self._jobs.get(at), error=error.problem)
            self.errors.append(error)

    def _runner(self, at: int, item: Planned) -> Runner:
        if at not in self._runners:
            aws = None if self.connection is None else self.connection.aws
            self._runners[at] = runner_for(item.step, aws, item.store, say=self.say)
        return self._runners[at]

    def _clock(self) -> Clock:
        clock = Clock() if self.connection is None else self.connection.clock
        minutes = self.asked.wait_minutes
        if self.asked.detach:
            return replace(clock, limit_seconds=0)
        if minutes is not None:
            return replace(clock, limit_seconds=minutes * 60)
        longest = max((item.step.job["max_seconds"] for item in self.pending), default=0)
        return replace(clock, limit_seconds=LONGEST_WAIT_FACTOR * longest)

    def _left(self, at: int) -> Result:
        """Of an engine that was not come to: its job goes on, if it has one."""
        job = self._jobs.get(at)
        return result(self.wanted[at], "not reached" if job is None else "running", job=job)

    def _tell(self, at: int, status: str, **more: Any) -> None:
        self._results[at] = result(self.wanted[at], status, **more)


def result(item: Wanted, status: str, **more: Any) -> Result:
    """What came of one engine, as a document."""
    plain = {"status": status, "job": None, "size_gib": None, "error": None}
    return {**item.as_json(), **plain, **more}


def _rank(error: LmiDeployError) -> int:
    kinds: tuple[type[LmiDeployError], ...] = (GateError, DeploymentError)
    if isinstance(error, StillRunningError):
        return len(kinds) + 1
    return next((rank for rank, kind in enumerate(kinds) if isinstance(error, kind)), len(kinds))


def _size(manifest: Manifest | None) -> float | None:
    return None if manifest is None else round(manifest.size_bytes / GIB, 2)
