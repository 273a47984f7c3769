"""The engines that `lmi-deploy compile` is about, as their cache is now, and their account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lmi_deployer.cli.compile_options import CompileOptions
from lmi_deployer.cli.connection import Connection, connected
from lmi_deployer.cli.options import AwsOptions
from lmi_deployer.cli.sandbox_weights import stock
from lmi_deployer.compiling.planning import Planned, Wanted, planned, wanted
from lmi_deployer.compiling.preflight import endangered, in_turn, looked_at_here, preflight
from lmi_deployer.deployment import Target
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.spec import ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

LOCAL = frozenset({"docker", "native"})


@contextmanager
def opened(
    decided: list[tuple[ResolvedSpec, tuple[Finding, ...]]],
    where: AwsOptions,
    asked: CompileOptions,
) -> Iterator[tuple[list[Wanted], Connection | None]]:
    """The engines as their cache is now, and the account that they need, if they need one."""
    if not any(_needs_account(spec, asked) for spec, _ in decided):
        yield [_looked_up(spec, notes, None, where, asked) for spec, notes in decided], None
        return
    with connected(where) as connection:
        items = [_looked_up(spec, notes, connection, where, asked) for spec, notes in decided]
        yield in_turn(items), connection


def _needs_account(spec: ResolvedSpec, asked: CompileOptions) -> bool:
    runner = spec.compilation.runner if spec.compilation else None
    return (
        asked.folder is None
        or spec.weights.source is not None
        or runner in {"sagemaker", "optimization"}
    )


def _looked_up(
    spec: ResolvedSpec,
    findings: tuple[Finding, ...],
    connection: Connection | None,
    where: AwsOptions,
    asked: CompileOptions,
) -> Wanted:
    """The engine as its cache is, and what makes it where that is to be done."""
    aws = None if connection is None else connection.aws
    is_local = spec.compilation is not None and spec.compilation.runner in LOCAL
    if asked.folder is not None and not is_local:
        raise InputError(
            "a job of SageMaker keeps its engine on S3", fix="--cache s3://..., or --runner docker"
        )
    if connection is not None:
        stock(spec, connection)
    item = wanted(spec, findings, aws, asked.folder)
    if item.engine.is_ready and not (asked.force or asked.stop):
        return item
    work = planned(item, _target(spec, aws, where, is_local=is_local), anew=asked.force)
    if asked.resume or asked.stop:
        return work
    if is_local:
        work = looked_at_here(work)
    if connection is None:
        return work
    return _preflighted(work, connection, asked)


def _preflighted(item: Planned, connection: Connection, asked: CompileOptions) -> Planned:
    """The same, with what the account says about it. A sandbox gets what a profile names."""
    aws = connection.aws
    if connection.where is not None and asked.folder is None:
        bucket, _ = bucket_and_key(item.engine.cache)
        if not aws.has_bucket(bucket):
            aws.create_bucket(bucket)
    if item.engine.is_ready and asked.folder is None:
        item = endangered(item, aws)
    return preflight(item, aws) if item.is_paid else item


def _target(spec: ResolvedSpec, aws: Aws | None, where: AwsOptions, *, is_local: bool) -> Target:
    """Where the job goes; one on this machine needs the region of the image alone."""
    if aws is not None and not is_local:
        return aws.target(spec.endpoint.role, spec.endpoint.artifacts)
    from lmi_deployer.cli.region import configured_region

    region = aws.region if aws else where.region or configured_region()
    return Target(region=region, role_arn="", artifacts="")
