"""What is looked at before a compilation costs money: buckets, quotas, jobs, this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.aot.jobs import compilation_of
from lmi_deployer.compiling.planning import Planned, Quota, Wanted
from lmi_deployer.compiling.runners import runner_for
from lmi_deployer.compiling.submitting import ENDED_BADLY, words_of
from lmi_deployer.errors import AwsError, CredentialsError, InputError, LmiDeployError
from lmi_deployer.s3 import bucket_and_key

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws


def preflight(item: Planned, aws: Aws) -> Planned:
    """The same, once nothing is known that would fail after it costs money.

    Raises InputError for a bucket that is missing or elsewhere and a quota that is too small; what
    cannot be read becomes a warning. Weights, image and request were looked at when it was
    planned, and disk and host memory when the profile was checked.
    """
    from lmi_deployer.edges.quotas import quota, training_quota_name

    bucket, _ = bucket_and_key(item.engine.cache)
    if not aws.has_bucket(bucket):
        raise InputError(
            f"there is no bucket {bucket} for compiled engines",
            fix=f"aws s3 mb s3://{bucket} --region {aws.region}, or another --cache",
        )
    _refuse_other_regions(item, aws)
    item = replace(item, warnings=(*item.warnings, *_last_failure(item, aws)))
    if item.step.runner != "sagemaker":
        note = "the quota of optimization jobs is not looked at: AWS publishes no name for it"
        return replace(item, warnings=(*item.warnings, note))
    compilation = compilation_of(item.spec)
    name = training_quota_name(compilation.instance.name, is_spot=compilation.is_spot)
    allowed = quota(aws.calls, name)
    if isinstance(allowed, str):
        note = f"the quota {name!r} cannot be read: {allowed}"
        return replace(item, warnings=(*item.warnings, note))
    if allowed < 1:
        raise InputError(
            f"the account may run no {compilation.instance.name} for "
            f"{'spot ' if compilation.is_spot else ''}training: its quota {name!r} is "
            f"{allowed:g} in {aws.region}",
            fix="ask for 1 in the Service Quotas console, or another compile.instance_type",
        )
    return replace(item, quota=Quota(name, int(allowed)))


def _refuse_other_regions(item: Planned, aws: Aws) -> None:
    """A job reads S3 in its own region alone.

    Source: S3Uri of S3DataSource in SageMaker's service model, "must be located in same Amazon
    Web Services region as your training job".
    """
    for uri in filter(None, (item.step.cache, item.spec.weights.source)):
        bucket, _ = bucket_and_key(uri)
        region = aws.is_elsewhere(bucket)
        if region is not None:
            raise InputError(
                f"{uri} is in {region}, and a job in {aws.region} reads its own region alone",
                fix=f"a bucket in {aws.region}, or runner docker, which reads any",
            )


def _last_failure(item: Planned, aws: Aws) -> tuple[str, ...]:
    """That the last job for this engine failed, and why: another one may fail alike."""
    try:
        last = runner_for(item.step, aws, item.store).find(item.step)
    except CredentialsError:
        raise
    except AwsError:  # planning needs no permission for it
        return ()
    if last is None or last.phase not in ENDED_BADLY:
        return ()
    return (f"the last job, {last.name}, has {words_of(last)}",)


def endangered(item: Planned, aws: Aws) -> Planned:
    """The same, with a warning where endpoints serve from the engine that is made anew."""
    from lmi_deployer.artifact.manifest import KEY_CHARACTERS
    from lmi_deployer.caching.used import used_engines

    try:
        used = used_engines(aws, item.engine.cache).get(item.engine.key[:KEY_CHARACTERS], [])
    except CredentialsError:
        raise
    except (AwsError, InputError) as error:
        note = f"whether an endpoint serves from it cannot be told: {error.problem}"
        return replace(item, warnings=(*item.warnings, note))
    if not used:
        return item
    during = "while the job runs" if item.step.runner == "optimization" else "while it is replaced"
    note = (
        f"{', '.join(used)} serves from this engine: instances that start {during} may find half "
        "of it"
    )
    return replace(item, warnings=(*item.warnings, note))


def looked_at_here(item: Planned) -> Planned:
    """The same, with a warning where this machine lacks what its runner needs."""
    try:
        if item.step.runner == "docker":
            from lmi_deployer.edges.docker_host import connected

            connected().close()
        else:
            from lmi_deployer.edges.native_root import require_library

            require_library(item.step)
    except LmiDeployError as error:
        note = error.problem if error.fix is None else f"{error.problem}; {error.fix}"
        return replace(item, warnings=(*item.warnings, note))
    return item


def in_turn(items: list[Wanted]) -> list[Wanted]:
    """The same, with a warning where the quota does not hold all of their jobs at once."""
    quotas = [item.quota for item in items if isinstance(item, Planned) and item.quota is not None]
    return [
        replace(item, warnings=(*item.warnings, _turns(item.quota, quotas.count(item.quota))))
        if isinstance(item, Planned) and item.quota and quotas.count(item.quota) > item.quota.jobs
        else item
        for item in items
    ]


def _turns(quota: Quota, jobs: int) -> str:
    return f"the quota {quota.name!r} runs {quota.jobs} of these {jobs} jobs at once"
