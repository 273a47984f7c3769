"""Shows plans, asks, and applies them: what `up`, `down` and `apply` have in common."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import click

from lmi_deployer import live
from lmi_deployer.aot.decision import job_name
from lmi_deployer.aot.jobs import PAID
from lmi_deployer.apply import apply
from lmi_deployer.artifact.manifest import folder_of
from lmi_deployer.cli.connection import Connection
from lmi_deployer.cli.output import is_terminal
from lmi_deployer.errors import (
    ApprovalError,
    AwsError,
    InputError,
    LmiDeployError,
    StillRunningError,
    StoppedError,
    UnreachableError,
)
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.step_lines import step_line
from lmi_deployer.steps import (
    CompileEngine,
    CreateEndpoint,
    DeleteEndpoint,
    Step,
    UpdateEndpoint,
)


@dataclass
class Run:
    """One plan being applied: remembers how far it came, to report it when it stops early."""

    saved: SavedPlan
    connection: Connection
    say: Callable[[str], None]
    stop: str | None = None
    """What to run to end the job that compiles, where the profile is known."""
    done: list[Step] = field(default_factory=list)

    def go(self) -> str | None:
        """Apply the plan; the model's answer, if it was asked for one.

        Whatever stops it is raised again, after saying what was left behind. Raises ApprovalError
        when AWS has changed since the plan was made.
        """
        plan = self.saved.plan
        if not plan.steps:
            return None
        live.refuse_stale(self.saved, self.connection.aws)
        try:
            return apply(
                plan,
                self.connection.aws,
                clock=self.connection.clock,
                compile_engine=self._compile,
                say=self.say,
                done=self.done.append,
            )
        except KeyboardInterrupt:
            raise StoppedError(
                f"interrupted; nothing was undone. {self._left_behind(is_certain=False)}".rstrip(),
                fix=f"go on with `{same_command()}`",
            ) from None
        except LmiDeployError as error:
            if left_behind := self._left_behind(is_certain=self._had_no_effect(error)):
                click.echo(left_behind, err=True)
            raise

    def _compile(self, step: CompileEngine) -> None:
        """Compile an engine into its cache, or wait for whoever is at it."""
        from lmi_deployer.cli.compile_run import LONGEST_WAIT_FACTOR
        from lmi_deployer.compiling.following import compile_engine
        from lmi_deployer.compiling.runners import runner_for

        aws, clock = self.connection.aws, self.connection.clock
        store = aws.store(step.cache)
        compile_engine(
            step,
            runner_for(step, aws, store, say=self.say),
            store=store,
            clock=replace(clock, limit_seconds=LONGEST_WAIT_FACTOR * step.job["max_seconds"]),
            say=self.say,
            resume=same_command(),
            stop=self.stop,
        )
        try:
            live.refuse_stale(self.saved, aws)  # hours may have passed
        except ApprovalError as error:
            folder = folder_of(step.cache, step.key)
            click.echo(f"What was compiled stays in {folder}, and is used from there.", err=True)
            raise ApprovalError(
                f"{error.problem}; somebody else may have deployed it while this command "
                "waited for the engine",
                fix=f"`{same_command()}` shows what is left to do, if anything",
            ) from error

    def _had_no_effect(self, error: LmiDeployError) -> bool:
        """True when the step that stopped the run has left nothing that runs."""
        if isinstance(self._pending, CompileEngine):  # a job that failed has ended
            return not isinstance(error, StoppedError | StillRunningError | UnreachableError)
        return isinstance(error, AwsError) and not isinstance(error, UnreachableError)

    @property
    def _pending(self) -> Step | None:
        """The step at work; None once all are done, where an interruption comes too late."""
        return next(iter(self.saved.plan.steps[len(self.done) :]), None)

    def _left_behind(self, *, is_certain: bool) -> str:
        """What the steps so far have made, and whether it may be costing money.

        `is_certain` says that the step which stopped the run has had no effect.
        """
        pending = self._pending if not is_certain else None
        made = [_words(step) for step in self.done if step_line(step).sign == "+"]
        text = f"Made so far: {', '.join(made)}." if made else ""
        if isinstance(pending, CompileEngine):
            return f"{text} {_compiling_on(pending, self.stop)}".strip()
        if pending is not None and step_line(pending).sign == "+":
            text += f" Perhaps made as well: {_words(pending)}."
        begun = [*self.done, *([pending] if pending else [])]
        if any(isinstance(step, CreateEndpoint | UpdateEndpoint) for step in begun):
            name = self.saved.plan.identity.deployment
            text += (
                f" Endpoint {name} may be running and costing money; `lmi-deploy status` shows "
                f"it, `lmi-deploy down {name}` removes it."
            )
        return text.strip()


def _compiling_on(step: CompileEngine, stop: str | None) -> str:
    """What may go on of a compilation that is no longer waited for; local ones have ended."""
    job = job_name(step.key, 1).removesuffix("1") + "N"
    if step.runner not in PAID:
        return ""
    end = stop or "lmi-deploy compile` with the plan's model and hardware profile and `--stop"
    limit = step.job["max_seconds"] / 3600
    return (
        f"Job {job} may be running and costing money; it ends by itself, after {limit:.0f} hours "
        f"at most, and what it makes is used by the next run. `{end}` stops it."
    )


def _words(step: Step) -> str:
    line = step_line(step)
    return f"{line.kind} {line.name}"


def same_command() -> str:
    """The command line as it was typed."""
    return shlex.join(["lmi-deploy", *sys.argv[1:]])


def approve(plans: Sequence[SavedPlan], *, yes: bool) -> None:
    """Ask whether to go on. Raises ApprovalError when nobody says so."""
    for saved in plans:
        if saved.missing_bucket is not None:
            raise InputError(
                f"there is no bucket {saved.missing_bucket} for what is rendered and compiled",
                fix=f"aws s3 mb s3://{saved.missing_bucket} --region {saved.region}, "
                "or another one with --artifacts",
            )
    if yes:
        return
    if not is_terminal():
        raise ApprovalError("this needs an approval", fix="--yes, or a terminal to answer on")
    deletes = any(isinstance(step, DeleteEndpoint) for saved in plans for step in saved.plan.steps)
    question = "Go on? An endpoint will be deleted" if deletes else _question(plans)
    if not click.confirm(question, default=False, err=True):
        raise ApprovalError("not approved; nothing was changed")


def _question(plans: Sequence[SavedPlan]) -> str:
    """What is asked for, with what compiling costs before anything is deployed."""
    steps = [step for saved in plans for step in saved.plan.steps]
    notes = {step.key: step.note for step in steps if isinstance(step, CompileEngine)}
    if not notes:
        return "Deploy?"
    return f"Compile ({'; '.join(notes.values())}) and deploy?"
