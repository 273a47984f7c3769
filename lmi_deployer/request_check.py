"""What is wrong with an AWS request, known before it is sent.

botocore checks required and unknown members, types and minimums, and lets the rest through:
enumerations, maximums and patterns are checked by AWS alone, sometimes minutes later. The service
model that botocore ships names them all, so `request_shapes` walks it. Rules that stand in no
model are the small functions of `request_rules`, each with its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.request_rules import RULES, host_fits_image
from lmi_deployer.request_service_model import input_shape, service_model
from lmi_deployer.request_shapes import walk
from lmi_deployer.request_words import Violation


@dataclass(frozen=True)
class RequestProblem:
    """One thing about a request that AWS would refuse, or that would fail after it was taken."""

    operation: str
    """As the API calls it: "CreateEndpointConfig"."""
    path: str
    """"ProductionVariants[0].InstanceType"; empty for the request itself."""
    problem: str
    """What is true of the place: "is 99999, more than 3600". Holds no secret."""
    fix: str | None

    def __str__(self) -> str:
        text = f"{self.operation}: {self.path or 'the request'} {self.problem}"
        return text if self.fix is None else f"{text}\n  fix: {self.fix}"


def check_request(
    service: str, operation: str, request: Mapping[str, Any]
) -> tuple[RequestProblem, ...]:
    """Find everything that is wrong with a request, by the service's own model and by RULES.

    `service` and `operation` are named as botocore's data folder and the API name them
    ("sagemaker", "CreateModel"). Raises MissingExtraError when botocore is not installed, and
    ValueError when there is no such service or operation.
    """
    model = service_model(service)
    if operation not in model["operations"]:
        fix = did_you_mean(operation, model["operations"])
        raise ValueError(f"{service} has no operation {operation!r}; {fix}")
    violations = list(walk(model["shapes"], input_shape(model, operation), dict(request)))
    for rule in RULES.get((service, operation), ()):
        violations += rule(request)
    return _problems(operation, violations)


def check_endpoint_requests(
    model: Mapping[str, Any], endpoint_config: Mapping[str, Any]
) -> tuple[RequestProblem, ...]:
    """Find what is wrong between a CreateModel and the CreateEndpointConfig that names its model.

    Each is still to be checked by itself with `check_request`.
    """
    return _problems("CreateEndpointConfig", host_fits_image(model, endpoint_config))


def _problems(operation: str, violations: Iterable[Violation]) -> tuple[RequestProblem, ...]:
    return tuple(RequestProblem(operation, *violation) for violation in violations)
