"""Shows plans, asks, and applies them: what `up`, `down` and `apply` have in common."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import click

from lmi_deployer import live, report
from lmi_deployer.apply import apply
from lmi_deployer.cli.connection import Connection
from lmi_deployer.cli.output import is_terminal
from lmi_deployer.errors import (
    ApprovalError,
    AwsError,
    InputError,
    LmiDeployError,
    StoppedError,
    UnreachableError,
)
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.steps import CreateEndpoint, DeleteEndpoint, Step, UpdateEndpoint


@dataclass
class Run:
    """One plan being applied: remembers how far it came, to report it when it stops early."""

    saved: SavedPlan
    connection: Connection
    say: Callable[[str], None]
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
                say=self.say,
                done=self.done.append,
            )
        except KeyboardInterrupt:
            raise StoppedError(
                f"interrupted; nothing was undone. {self._left_behind(is_certain=False)}".rstrip(),
                fix=f"go on with `{same_command()}`",
            ) from None
        except LmiDeployError as error:
            is_refusal = isinstance(error, AwsError) and not isinstance(error, UnreachableError)
            if left_behind := self._left_behind(is_certain=is_refusal):
                click.echo(left_behind, err=True)
            raise

    def _left_behind(self, *, is_certain: bool) -> str:
        """What the steps so far have made, and whether it may be costing money.

        `is_certain` says that the step which stopped the run has had no effect.
        """
        pending = self.saved.plan.steps[len(self.done)] if not is_certain else None
        made = [_words(step) for step in self.done if report.step_line(step).sign == "+"]
        text = f"Made so far: {', '.join(made)}." if made else ""
        if pending is not None and report.step_line(pending).sign == "+":
            text += f" Perhaps made as well: {_words(pending)}."
        begun = [*self.done, *([pending] if pending else [])]
        if any(isinstance(step, CreateEndpoint | UpdateEndpoint) for step in begun):
            name = self.saved.plan.identity.deployment
            text += (
                f" Endpoint {name} may be running and costing money; `lmi-deploy status` shows "
                f"it, `lmi-deploy down {name}` removes it."
            )
        return text.strip()


def _words(step: Step) -> str:
    line = report.step_line(step)
    return f"{line.kind} {line.name}"


def same_command() -> str:
    """The command line as it was typed."""
    return shlex.join(["lmi-deploy", *sys.argv[1:]])


def approve(plans: Sequence[SavedPlan], *, yes: bool) -> None:
    """Ask whether to go on. Raises ApprovalError when nobody says so."""
    for saved in plans:
        if saved.missing_bucket is not None:
            raise InputError(
                f"there is no bucket {saved.missing_bucket} for the rendered files",
                fix=f"aws s3 mb s3://{saved.missing_bucket} --region {saved.region}, "
                "or another one with --artifacts",
            )
    if yes:
        return
    if not is_terminal():
        raise ApprovalError("this needs an approval", fix="--yes, or a terminal to answer on")
    deletes = any(isinstance(step, DeleteEndpoint) for saved in plans for step in saved.plan.steps)
    question = "Go on? An endpoint will be deleted" if deletes else "Deploy?"
    if not click.confirm(question, default=False, err=True):
        raise ApprovalError("not approved; nothing was changed")
