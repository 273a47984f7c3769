"""Faults that a client asked for in advance, and which of them a call meets."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.sandbox.lifecycle import Outcome  # pydantic reads it
from lmi_deployer.sandbox.operations import known_operations

ANY = "*"


class JobOutcome(StrEnum):
    """How a job can be told to go, instead of well."""

    FAIL = "fail"
    STOP = "stop"
    SPOT_INTERRUPTION = "spot_interruption"
    NO_CAPACITY = "no_capacity"
    OUT_OF_TIME = "out_of_time"
    SCRIPT = "script"


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid")

    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)  # matching calls to let through first


class OperationFault(_Fault):
    """The next call of this operation is answered with this AWS error and changes nothing."""

    operation: str
    code: str
    message: str = "Injected by the sandbox."
    status: int | None = Field(default=None, ge=400, le=599)  # None: as the service's model says

    @field_validator("operation")
    @classmethod
    def _is_known(cls, operation: str) -> str:
        known = known_operations()
        if operation not in known:
            raise ValueError(f"no operation {operation!r}; {did_you_mean(operation, known)}")
        return operation


class EndpointFault(_Fault):
    """The next creation or update of this endpoint, or of any, ends this way."""

    endpoint: str
    outcome: Outcome
    reason: str | None = None


class AnswerFault(_Fault):
    """The next invocation of this endpoint, or of any, gets this from its container."""

    endpoint: str
    outcome: Literal["answer"]
    status: int = Field(default=200, ge=200, le=599)
    body: Any = None


class JobFault(_Fault):
    """The next job of this name, or of any, goes this way: a training or an optimization job."""

    job: str
    outcome: JobOutcome
    reason: str | None = None
    mode: str | None = None
    """What the stand-ins in its container find in LMI_DEPLOY_STAND_IN; goes with any outcome."""

    @model_validator(mode="after")
    def _has_a_mode(self) -> Self:
        if self.outcome is JobOutcome.SCRIPT and not self.mode:
            raise ValueError('"outcome": "script" needs a "mode"')
        return self


Fault = OperationFault | AnswerFault | EndpointFault | JobFault
AnyFault = TypeVar("AnyFault", OperationFault, AnswerFault, EndpointFault, JobFault)


def parse_fault(body: bytes) -> Fault:
    """Fault described by a JSON body. Raises ValueError that names what is wrong."""
    asked = json.loads(body)
    if not isinstance(asked, dict):
        raise ValueError(f"a fault is a JSON object, not {asked!r}")  # noqa: TRY004
    if "operation" in asked:
        return OperationFault.model_validate(asked)
    if "job" in asked:
        return JobFault.model_validate(asked)
    if asked.get("outcome") == "answer":
        return AnswerFault.model_validate(asked)
    return EndpointFault.model_validate(asked)


class FaultBook:
    """The faults still to come, oldest first. The gateway's lock makes its use exclusive."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Remember a fault for the next call that it matches."""
        self.faults.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        self.faults.clear()

    def for_operation(self, operation: str) -> OperationFault | None:
        """Error that a call of this operation meets, used up by the asking."""
        return self._take([f for f in self._of(OperationFault) if f.operation == operation])

    def for_deployment(self, endpoint: str) -> EndpointFault | None:
        """How the creation or update of this endpoint is to end, used up by the asking."""
        names = {endpoint, ANY}
        return self._take([f for f in self._of(EndpointFault) if f.endpoint in names])

    def for_invocation(self, endpoint: str) -> AnswerFault | None:
        """Answer that the container of this endpoint is to give, used up by the asking."""
        names = {endpoint, ANY}
        return self._take([f for f in self._of(AnswerFault) if f.endpoint in names])

    def for_job(self, name: str, *, can_be_spot: bool = True) -> JobFault | None:
        """How this job is to go, used up by the asking."""
        matching = [f for f in self._of(JobFault) if f.job in {name, ANY}]
        if not can_be_spot:
            matching = [f for f in matching if f.outcome is not JobOutcome.SPOT_INTERRUPTION]
        return self._take(matching)

    def _of(self, kind: type[AnyFault]) -> list[AnyFault]:
        return [fault for fault in self.faults if isinstance(fault, kind)]

    def _take(self, matching: list[AnyFault]) -> AnyFault | None:
        for fault in matching:
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            return fault
        return None
