"""Shows plans, asks, and applies them: what `up`, `down` and `apply` have in common."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import click

from lmi_deployer import report
from lmi_deployer.apply import apply
from lmi_deployer.cli.connection import Connection
from lmi_deployer.cli.output import is_terminal
from lmi_deployer.errors import ApprovalError, LmiDeployError
from lmi_deployer.plan import Plan
from lmi_deployer.steps import CreateEndpoint, DeleteEndpoint, Step, UpdateEndpoint


class InterruptedError(LmiDeployError):  # noqa: A001 - the builtin is about system calls
    """The user stopped the command; what was made stands."""

    exit_code = 130


@dataclass
class Run:
    """One plan being applied: remembers how far it came, to report it when it stops early."""

    plan: Plan
    connection: Connection
    say: Callable[[str], None]
    started: list[Step] = field(default_factory=list)

    def go(self) -> str | None:
        """Apply the plan; the model's answer, if it was asked for one.

        Whatever stops it is raised again, after saying what was left behind.
        """
        try:
            return apply(
                self.plan,
                self.connection.aws,
                clock=self.connection.clock,
                say=self.say,
                started=self.started.append,
            )
        except KeyboardInterrupt:
            raise InterruptedError(
                f"interrupted; nothing was undone. {self._left_behind()}".rstrip(),
                fix=f"go on with `{same_command()}`",
            ) from None
        except LmiDeployError as error:
            if left_behind := self._left_behind():
                self.say(left_behind)
            raise error from None

    def _left_behind(self) -> str:
        """What the steps so far have made, and whether it may be costing money."""
        lines = [report.step_line(step) for step in self.started]
        made = [f"{line.kind} {line.name}" for line in lines if line.sign == "+"]
        text = f"Made so far: {', '.join(made)}." if made else ""
        if any(isinstance(step, CreateEndpoint | UpdateEndpoint) for step in self.started):
            text += (
                f" Endpoint {self.plan.deployment} may be running and costing money; "
                "`lmi-deploy status` shows it, `lmi-deploy down` removes it."
            )
        return text.strip()


def same_command() -> str:
    """The command line as it was typed."""
    return shlex.join(["lmi-deploy", *sys.argv[1:]])


def approve(plans: Sequence[Plan], *, yes: bool) -> None:
    """Ask whether to go on. Raises ApprovalError when nobody says so."""
    if yes:
        return
    if not is_terminal():
        raise ApprovalError("this needs an approval", fix="--yes, or a terminal to answer on")
    deletes = any(isinstance(step, DeleteEndpoint) for plan in plans for step in plan.steps)
    question = "Go on? An endpoint will be deleted" if deletes else "Deploy?"
    if not click.confirm(question, default=False, err=True):
        raise ApprovalError("not approved; nothing was changed")
