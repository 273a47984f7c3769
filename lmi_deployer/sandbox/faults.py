"""Faults that a client asked for in advance, and which of them a call meets."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lmi_deployer.sandbox.lifecycle import Outcome  # pydantic reads it

ANY_ENDPOINT = "*"


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


Fault = OperationFault | AnswerFault | EndpointFault
AnyFault = TypeVar("AnyFault", OperationFault, AnswerFault, EndpointFault)


def parse_fault(body: bytes) -> Fault:
    """Fault described by a JSON body. Raises ValueError that names what is wrong."""
    asked = json.loads(body)
    if not isinstance(asked, dict):
        raise ValueError(f"a fault is a JSON object, not {asked!r}")  # noqa: TRY004
    if "operation" in asked:
        return OperationFault.model_validate(asked)
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
        names = {endpoint, ANY_ENDPOINT}
        return self._take([f for f in self._of(EndpointFault) if f.endpoint in names])

    def for_invocation(self, endpoint: str) -> AnswerFault | None:
        """Answer that the container of this endpoint is to give, used up by the asking."""
        names = {endpoint, ANY_ENDPOINT}
        return self._take([f for f in self._of(AnswerFault) if f.endpoint in names])

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
