"""What a call needs to know of the sandbox it arrived at, carried along with its request."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from lmi_deployer.sandbox.faults import FaultBook
from lmi_deployer.sandbox.jobs.work import Works
from lmi_deployer.sandbox.quotas import Quotas

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRON_KEY = "lmi_deployer.sandbox"


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The faults to come, the calls received, how long a status lasts, and the jobs that run."""

    region: str
    describes: int
    endpoint_url: str
    """Where it answers, for the processes of its jobs."""
    access_key_id: str
    secret_access_key: str
    lock: Lock = field(default_factory=Lock)
    """Held by whoever reads or changes what moto keeps: one request at a time, or a job."""
    faults: FaultBook = field(default_factory=FaultBook)
    quotas: Quotas = field(default_factory=Quotas)
    works: Works = field(default_factory=Works)
    calls: list[tuple[str, str]] = field(default_factory=list)


def sandbox_of(environ: Mapping[str, Any]) -> Sandbox:
    """Sandbox that received this request."""
    sandbox = environ[ENVIRON_KEY]
    assert isinstance(sandbox, Sandbox)  # the gateway put it there
    return sandbox
