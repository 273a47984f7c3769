"""Every error a user can act on, each with the exit status that `main` gives it.

The statuses are those of the table in docs/commands.md.
"""

from __future__ import annotations


class LmiDeployError(Exception):
    """Base of every error a user can act on; anything else that escapes is a bug."""

    exit_code = 1

    def __init__(self, problem: str, *, fix: str | None = None) -> None:
        super().__init__(problem if fix is None else f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix


class InputError(LmiDeployError):
    """The command line or a file the user wrote is wrong; nothing was changed."""

    exit_code = 2


class MissingExtraError(LmiDeployError):
    """An optional dependency that this call needs is not installed."""

    exit_code = 2


class AwsError(LmiDeployError):
    """AWS refused a call, or could not be reached."""


class UnreachableError(AwsError):
    """A call was sent, or could not be, and no answer came: it may have had its effect."""


class CredentialsError(AwsError):
    """There are no AWS credentials, or they have expired."""


class DeploymentError(LmiDeployError):
    """SageMaker took the calls but the endpoint did not end up as wanted."""

    exit_code = 6


class GateError(LmiDeployError):
    """What was made works, but does not reach what the profile demands of it."""

    exit_code = 4


class ApprovalError(LmiDeployError):
    """The plan needs an approval that nobody could give, or has become stale."""

    exit_code = 5


class StoppedError(LmiDeployError):
    """The user stopped the command; what was made stands."""

    exit_code = 130


class StillRunningError(LmiDeployError):
    """The wait ended before SageMaker did; the same command goes on."""

    exit_code = 7
