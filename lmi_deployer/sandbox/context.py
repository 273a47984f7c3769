"""What a call needs to know of the sandbox it arrived at, carried along with its request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmi_deployer.sandbox.faults import FaultBook

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRON_KEY = "lmi_deployer.sandbox"


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The faults to come, the calls received, and how long a status lasts."""

    region: str
    describes: int
    faults: FaultBook = field(default_factory=FaultBook)
    calls: list[tuple[str, str]] = field(default_factory=list)


def sandbox_of(environ: Mapping[str, Any]) -> Sandbox:
    """Sandbox that received this request."""
    sandbox = environ[ENVIRON_KEY]
    assert isinstance(sandbox, Sandbox)  # the gateway put it there
    return sandbox
