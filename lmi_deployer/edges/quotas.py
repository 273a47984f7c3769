"""Service quotas of the account, found by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.errors import AwsError, CredentialsError

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import Calls


def quota(calls: Calls, name: str) -> float | str:
    """How many the account may have; or why that cannot be told.

    SageMaker has about 1,500 quotas, whose codes stand in no list but this.
    """
    try:
        for item in calls.pages(
            "service-quotas", "ListServiceQuotas", "Quotas", ServiceCode="sagemaker", MaxResults=100
        ):
            if item["QuotaName"] == name:
                return float(item["Value"])
    except CredentialsError:
        raise
    except AwsError as error:
        return error.problem
    return "the account lists no quota of that name"


def training_quota_name(instance_type: str, *, is_spot: bool) -> str:
    """What the quota of training jobs on a machine is called."""
    return f"{instance_type} for {'spot ' if is_spot else ''}training job usage"
