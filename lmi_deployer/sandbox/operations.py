"""The operations that a fault can be asked for: those of the services a deployment may call."""

from __future__ import annotations

from functools import cache

from moto.core.utils import get_service_model

SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "ecr",
    "iam",
    "kms",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "secretsmanager",
    "service-quotas",
    "sns",
    "sts",
)


@cache
def known_operations() -> frozenset[str]:
    """Every operation of these services, as AWS names it."""
    return frozenset(
        str(name) for service in SERVICES for name in get_service_model(service).operation_names
    )
