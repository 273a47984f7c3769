"""moto's server with the sandbox's SageMaker, and with what a deployment expects to find."""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.sandbox.backend import our_sagemaker
from lmi_deployer.sandbox.context import Sandbox
from lmi_deployer.sandbox.gateway import Gateway
from lmi_deployer.sandbox.state import StateFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROLE_NAME = "lmi-deploy-sandbox"
TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

_one_at_a_time = Lock()


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What is there from the start, and the credentials that moto takes for this account's."""

    region: str
    account: str = DEFAULT_ACCOUNT_ID
    access_key_id: str = "LMIDEPLOYSANDBOX0000"
    secret_access_key: str = "nothing-secret-in-a-sandbox"  # noqa: S105

    @property
    def partition(self) -> str:
        """aws, aws-cn or aws-us-gov."""
        return get_partition(self.region)

    @property
    def role_arn(self) -> str:
        """The execution role."""
        return f"arn:{self.partition}:iam::{self.account}:role/{ROLE_NAME}"

    @property
    def bucket(self) -> str:
        """SageMaker's default bucket of the region."""
        return f"sagemaker-{self.region}-{self.account}"

    @property
    def artifacts(self) -> str:
        """Where bundles go."""
        return f"s3://{self.bucket}/lmi-deploy/"

    def sow(self) -> None:
        """Create the role and the bucket, unless a restored state has them."""
        iam = iam_backends[self.account][self.partition]
        if all(role.name != ROLE_NAME for role in iam.get_roles()):
            iam.create_role(
                role_name=ROLE_NAME,
                assume_role_policy_document=json.dumps(TRUST_POLICY),
                path="/",
                permissions_boundary=None,
                description="Execution role of the sandbox's models",
                tags=[],
                max_session_duration="3600",
            )
        if self.bucket not in s3_backends.bucket_accounts:
            s3_backends[self.account][self.partition].create_bucket(self.bucket, self.region)


@dataclass(frozen=True, kw_only=True)
class EmulatedAws:
    """An AWS to serve, and what is in it."""

    app: Gateway
    seed: Seed


@contextmanager
def emulated_aws(
    *, region: str, endpoint_url: str, state_file: Path | None, describes: int
) -> Iterator[EmulatedAws]:
    """AWS in this process for as long as the block runs, to be served at that address.

    Raises InputError for a region that SageMaker does not have or a state that cannot be restored,
    and RuntimeError while the process runs another one: moto's state belongs to the process.
    """
    _check_region(region)
    if not _one_at_a_time.acquire(blocking=False):
        raise RuntimeError("this process runs a sandbox already")
    try:
        with our_sagemaker(), _clean_slate(), _kept_in(state_file) as save:
            seed = Seed(region=region)
            seed.sow()
            save()
            sandbox = Sandbox(
                region=region,
                describes=describes,
                endpoint_url=endpoint_url,
                access_key_id=seed.access_key_id,
                secret_access_key=seed.secret_access_key,
            )
            gateway = Gateway(_moto_server(), sandbox, save=save)
            try:
                yield EmulatedAws(app=gateway, seed=seed)
            finally:
                gateway.close()
                sandbox.works.close()
    finally:
        _one_at_a_time.release()


@contextmanager
def _clean_slate() -> Iterator[None]:
    """No moto state before the block, and none after it."""
    BackendDict.reset()
    try:
        yield
    finally:
        BackendDict.reset()


class _Dispatcher(DomainDispatcherApplication):
    """Moto's, which would list its folders on the disk for each request."""

    def get_backend_for_host(self, host: str | None) -> Any:
        """The service that a host stands for."""
        return _service_of(super().get_backend_for_host, host)


@lru_cache(maxsize=256)
def _service_of(look_up: Callable[[str | None], Any], host: str | None) -> Any:
    return look_up(host)


@cache
def _moto_server() -> DomainDispatcherApplication:
    """Moto's routes, which take long to set up and keep nothing of a sandbox."""
    return _Dispatcher(create_backend_app)


@contextmanager
def _kept_in(state_file: Path | None) -> Iterator[Callable[[], None]]:
    """What is in the file put in place, for as long as the block runs; gives what saves to it."""
    if state_file is None:
        yield _keep_nothing
        return
    with closing(StateFile(state_file)) as state:
        state.restore()
        yield state.save


def _check_region(region: str) -> None:
    known = _sagemaker_regions()
    if region not in known:
        raise InputError(f"SageMaker has no region {region}", fix=did_you_mean(region, known))


@cache
def _sagemaker_regions() -> list[str]:
    """Every region of SageMaker that botocore knows, whatever AWS settings the user has."""
    # moto keeps the session it makes here, and making one fails if AWS_PROFILE names no profile.
    profile = os.environ.pop("AWS_PROFILE", None)
    try:
        session = AccountSpecificBackend.get_session()
        return [
            name
            for partition in session.get_available_partitions()
            for name in session.get_available_regions("sagemaker", partition)
        ]
    finally:
        if profile is not None:
            os.environ["AWS_PROFILE"] = profile


def _keep_nothing() -> None:
    """Without a state file there is nothing to save."""
