"""The cache that a command's options name: a folder of this machine, or one on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lmi_deployer.cli.options import AwsOptions, aws_options
from lmi_deployer.errors import AwsError, InputError, LmiDeployError
from lmi_deployer.s3 import FOLDER_FORM, is_folder

if TYPE_CHECKING:
    from lmi_deployer.artifact.store import Store
    from lmi_deployer.caching.entries import Entry
    from lmi_deployer.caching.matching import Match
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.spec import ResolvedSpec

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cache, and the account beside it."""

    store: Store
    aws: Aws | None
    """None for a folder, which needs no account."""
    where: str | None
    """Set in a sandbox: it stands in every output."""
    is_default: bool
    """True where nobody has named it, so that it need not exist yet."""

    def entries(self) -> list[Entry]:
        """Every engine in it, oldest first."""
        from lmi_deployer.caching.entries import read_entries

        try:
            return read_entries(self.store)
        except AwsError as error:
            if self.is_default and "NoSuchBucket" in str(error):
                return []
            raise

    def match(self, spec: ResolvedSpec, entries: Sequence[Entry]) -> Match:
        """Which of the entries a spec would use. Raises InputError for one that needs none."""
        from lmi_deployer.aot.inputs import engine_inputs
        from lmi_deployer.caching.matching import match

        if spec.compilation is None:
            raise InputError(
                f"nothing of {spec.title} can be compiled ahead of time",
                fix="another hardware profile, or no MODEL to list everything",
            )
        source, digest = spec.weights.source, None
        if source is not None and self.aws is not None:
            digest = self.aws.weights_digest(source)
        return match(spec, engine_inputs(spec, digest), entries)


def cache_options(function: Function) -> Function:
    """Add --cache, and the options of the account that it is in."""
    return click.option(
        "--cache",
        metavar="S3_URI|FOLDER",
        callback=_checked,
        help="The cache; engines/ below the artifacts of the account when left out.",
    )(aws_options(function))


@contextmanager
def opened(
    cache: str | None, options: AwsOptions, specs: Sequence[ResolvedSpec] = ()
) -> Iterator[Place]:
    """The cache that is named, the one of these specs, or that of the account.

    Whatever a store refuses inside the block becomes an error that a user can act on.
    """
    from lmi_deployer.artifact.store import StoreError

    with ExitStack() as stack:
        try:
            yield _open(cache, options, specs, stack)
        except StoreError as error:
            raise LmiDeployError(str(error)) from error
        except OSError as error:
            if error.filename is None:
                raise  # not about a file: output that nobody reads, for instance
            raise LmiDeployError(f"{error.filename}: {error.strerror}") from error


def _open(
    cache: str | None, options: AwsOptions, specs: Sequence[ResolvedSpec], stack: ExitStack
) -> Place:
    is_here = cache is not None and not cache.startswith("s3://")
    if is_here and not any(spec.weights.source for spec in specs):
        return Place(store=_folder(str(cache)), aws=None, where=None, is_default=False)
    from lmi_deployer.cli.connection import connected

    connection = stack.enter_context(connected(options))
    aws = connection.aws
    root = cache or _of_specs(specs, aws)
    return Place(
        store=_folder(root) if is_here else aws.store(root),
        aws=aws,
        where=connection.where,
        is_default=cache is None,
    )


def _folder(path: str) -> Store:
    from lmi_deployer.artifact.folder_store import FolderStore

    if not Path(path).is_dir():
        raise InputError(f"there is no folder {path}", fix="--cache with the folder of the engines")
    return FolderStore(Path(path))


def _cache_of(spec: ResolvedSpec, aws: Aws) -> str:
    from lmi_deployer.compiling.lookup import cache_of

    return cache_of(spec, lambda: aws.artifacts(spec.endpoint.artifacts))


def _of_specs(specs: Sequence[ResolvedSpec], aws: Aws) -> str:
    """The one cache that these specs have, or that of the account."""
    from lmi_deployer.deployment import ENGINES_FOLDER

    own = {_cache_of(spec, aws) for spec in specs}
    if len(own) > 1:
        listed = " and ".join(sorted(own))
        raise InputError(f"they have several caches: {listed}", fix="--profile with one of them")
    return own.pop() if own else f"{aws.artifacts()}{ENGINES_FOLDER}"


def _checked(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("it names no folder")
    if value is None or "://" not in value:
        return value
    folder = value if value.endswith("/") else f"{value}/"
    if not is_folder(folder):
        raise click.BadParameter(FOLDER_FORM)
    return folder
