"""Quotas of SageMaker: how many instances of a type an account may run at once."""

from __future__ import annotations

import hashlib
from typing import Any

from moto.utilities.utils import get_partition
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lmi_deployer import catalog
from lmi_deployer.nearest import did_you_mean

SERVICE = "sagemaker"
DEFAULT_VALUE = 1.0
DEFAULT_PAGE = 100
ENDPOINT, TRAINING, SPOT_TRAINING = (
    "endpoint usage",
    "training job usage",
    "spot training job usage",
)


class QuotaChange(BaseModel):
    """What POST /lmi-sandbox/quotas takes."""

    model_config = ConfigDict(extra="forbid")

    name: str
    value: float = Field(ge=0, allow_inf_nan=False)

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in quota_names():
            raise ValueError(f"no quota {name!r}; {did_you_mean(name, quota_names())}")
        return name


class Quotas:
    """The value of each quota of one sandbox."""

    def __init__(self) -> None:
        self._changed: dict[str, float] = {}

    def change(self, body: bytes) -> None:
        """Set a quota as a JSON body says. Raises ValueError that names what is wrong."""
        asked = QuotaChange.model_validate_json(body)
        self._changed[asked.name] = asked.value

    def values(self) -> dict[str, float]:
        """Every quota that the sandbox knows, by its name."""
        return dict.fromkeys(quota_names(), DEFAULT_VALUE) | self._changed

    def described(self, region: str, account: str) -> list[dict[str, Any]]:
        """Entries of ListServiceQuotas."""
        return [
            {
                "ServiceCode": SERVICE,
                "ServiceName": "Amazon SageMaker",
                "QuotaArn": f"arn:{get_partition(region)}:servicequotas:{region}:{account}:"
                f"{SERVICE}/{_code(name)}",
                "QuotaCode": _code(name),
                "QuotaName": name,
                "Value": value,
                "Unit": "None",
                "Adjustable": True,
                "GlobalQuota": False,
            }
            for name, value in self.values().items()
        ]


def quota_name(instance_type: str, usage: str) -> str:
    """What AWS calls the quota for this use of an instance type."""
    return f"{instance_type} for {usage}"


def quota_names() -> list[str]:
    """One for each instance type of the catalog and each use of it."""
    types = catalog.names("instances")
    uses = (ENDPOINT, TRAINING, SPOT_TRAINING)
    return [quota_name(instance_type, usage) for instance_type in types for usage in uses]


def _code(name: str) -> str:
    """A code in the form of AWS's; the real one where the catalog knows it."""
    instance_type, _, usage = name.partition(" for ")
    known = catalog.instance_type(instance_type).endpoint_quota_code if usage == ENDPOINT else None
    return known or "L-" + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
