"""What the command line of `lmi-deploy compile` says about how to compile."""

from __future__ import annotations

import functools
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.hardware import OVERRIDE_FILE
from lmi_deployer.s3 import FOLDER_FORM, is_folder

if TYPE_CHECKING:
    from lmi_deployer.spec import ResolvedSpec

Function = TypeVar("Function", bound=Callable[..., Any])
MODE = "compile.mode"
RUNNER = "compile.runner"


@dataclass(frozen=True, kw_only=True)
class CompileOptions:
    """How to compile, as the command line says it."""

    runner: str | None
    cache: str | None
    detach: bool
    resume: bool
    stop: bool
    force: bool
    dry_run: bool
    wait_minutes: float | None
    verbose: bool

    @property
    def folder(self) -> Path | None:
        """A cache on this machine; None for one on S3."""
        is_local = self.cache is not None and not self.cache.startswith("s3://")
        return Path(self.cache) if self.cache is not None and is_local else None

    @property
    def overrides(self) -> tuple[str, ...]:
        """The same as `--set` would say it, so that checks look at what will run."""
        runner = () if self.runner is None else (f"{RUNNER}={self.runner}",)
        is_remote = self.cache is not None and self.folder is None
        return (*runner, *((f"compile.cache={self.cache}",) if is_remote else ()))

    @property
    def starts(self) -> bool:
        """Whether jobs may be started."""
        return not (self.resume or self.stop or self.dry_run)

    @property
    def suffix(self) -> str:
        """What a follow-up command needs to mean the same engine."""
        runner = "" if self.runner is None else f" --runner {self.runner}"
        return runner + ("" if self.cache is None else f" --cache {shlex.quote(self.cache)}")

    def decide(
        self, model: str, hardware: Sequence[str], overrides: Sequence[str]
    ) -> tuple[list[tuple[ResolvedSpec, tuple[Finding, ...]]], list[ResolvedSpec]]:
        """The specs to compile, with their findings, and those with nothing to compile.

        Raises InputError or ProfileError when none of them is compiled, or one has an error.
        """
        from lmi_deployer import api
        from lmi_deployer.aot.jobs import compilation_of

        plain = api.decide(model, hardware, overrides)
        able = [spec.hardware for spec, _ in plain if spec.compilation is not None]
        others = [spec for spec, _ in plain if spec.compilation is None]
        if not able:
            compilation_of(others[0])  # says why
        modes = [spec.compilation.mode for spec, _ in plain if spec.compilation is not None]
        if not self.overrides and set(modes) == {"aot"}:
            return [item for item in plain if item[0].compilation is not None], others
        mode = () if any(item.startswith(f"{MODE}=") for item in overrides) else (f"{MODE}=aot",)
        try:
            return api.decide(model, able, (*overrides, *self.overrides, *mode)), others
        except ProfileError as error:
            raise ProfileError(map(self._named, error.findings)) from error

    def _named(self, finding: Finding) -> Finding:
        """The finding, about the option of this command where that is what it is about."""
        if self.runner is None or finding.key != RUNNER or finding.place.file != OVERRIDE_FILE:
            return finding
        fix = finding.fix and finding.fix.replace(f"{RUNNER}: ", "--runner ")
        return replace(finding, place=Place("--runner"), key=None, fix=fix)


def same_engine(
    model: str, hardware: str, overrides: Sequence[str] = (), *, place: str = ""
) -> str:
    """A `compile` command about an engine; `place` is what says where, as `AwsOptions.suffix`.

    With `--stop` or `--resume` behind it, it is about the engine's job.
    """
    words = ["lmi-deploy", "compile", model, "-p", hardware]
    words += [f"--set={override}" for override in overrides]
    return shlex.join(words) + place


def compile_options(function: Function) -> Function:
    """Add the options of `compile`; the command gets them as `asked`."""
    options = (
        click.option(
            "--runner",
            type=click.Choice(["sagemaker", "optimization", "docker", "native"]),
            help="What compiles; the profile's own, or a SageMaker training job.",
        ),
        click.option(
            "--cache",
            metavar="S3_URI|FOLDER",
            callback=_cache,
            help="Where engines are kept, in place of the profile's.",
        ),
        click.option("--detach", is_flag=True, help="End once the jobs are submitted."),
        click.option("--resume", is_flag=True, help="Start nothing; go on with what was started."),
        click.option("--stop", is_flag=True, help="Stop the jobs that run; start nothing."),
        click.option("--force", is_flag=True, help="Compile anew although the cache has it."),
        click.option("--dry-run", is_flag=True, help="Show what would run, and stop there."),
        click.option(
            "--wait",
            "wait_minutes",
            type=click.FloatRange(min=0),
            callback=_finite,
            metavar="MINUTES",
            help="How long to wait for the jobs in all; they go on after that.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Show every line of the jobs' logs."),
    )
    names = (
        "runner",
        "cache",
        "detach",
        "resume",
        "stop",
        "force",
        "dry_run",
        "wait_minutes",
        "verbose",
    )

    @functools.wraps(function)
    def gathered(*args: Any, **values: Any) -> Any:
        asked = CompileOptions(**{name: values.pop(name) for name in names})
        if asked.resume and asked.dry_run:
            raise click.UsageError("--resume starts nothing; leave --dry-run out")
        others = (asked.detach, asked.resume, asked.force, asked.dry_run)
        if asked.stop and (any(others) or asked.wait_minutes is not None):
            raise click.UsageError("--stop goes with no option about starting or waiting")
        return function(*args, asked=asked, **values)

    decorated: Any = gathered
    for option in reversed(options):
        decorated = option(decorated)
    result: Function = decorated
    return result


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("a number of minutes")
    return value


def _cache(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value == "":  # an unset variable of a shell, which would mean the folder right here
        raise click.BadParameter("it names no folder")
    if value is None or not value.startswith("s3://"):
        return value
    folder = value if value.endswith("/") else f"{value}/"
    if not is_folder(folder):
        raise click.BadParameter(FOLDER_FORM)
    return folder
