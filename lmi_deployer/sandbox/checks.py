"""What SageMaker refuses and moto does not, or refuses in other words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import SagemakerClientError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from botocore.model import StringShape

Record = TypeVar("Record")


class ResourceLimitExceededError(SagemakerClientError):
    """A quota is used up."""

    code = "ResourceLimitExceeded"


def refuse_existing(kind: str, arn: str, *, name: str, existing: Collection[str]) -> None:
    """Refuse a second creation of a name, where moto silently replaces the first.

    The wording is SageMaker's: sagemaker-python-sdk issue 101 shows it for an endpoint.
    """
    if name in existing:
        raise ValidationError(f'Cannot create already existing {kind} "{arn}".')


def found(kind: str, arn: str, *, name: str, among: Mapping[str, Record]) -> Record:
    """Record of this name; moto words the refusal differently, with other quotes."""
    if name not in among:
        raise ValidationError(f'Could not find {kind} "{arn}".')
    return among[name]


def refuse_in_use(kind: str, arn: str, *, users: list[str]) -> None:
    """Refuse the deletion of something that is in use.

    Stricter than SageMaker, which deletes it and lets the endpoint fail when it next starts a
    container: a plan that deletes in the wrong order should not pass here. The wording is ours.
    """
    if users:
        raise ValidationError(f'Cannot delete {kind} "{arn}": it is used by {", ".join(users)}.')


def check_instance_types(variants: list[dict[str, Any]]) -> None:
    """Refuse an instance type outside the API's own list; moto's list ends in 2020."""
    for number, variant in enumerate(variants, start=1):
        if "InstanceType" in variant:
            check_enum(
                variant["InstanceType"],
                shape="ProductionVariantInstanceType",
                where=f"productionVariants.{number}.member.instanceType",
            )


def check_training_instance_type(sent: Mapping[str, Any]) -> None:
    """Refuse an instance type that training does not take."""
    asked = sent.get("ResourceConfig", {}).get("InstanceType")
    if asked is not None:
        check_enum(asked, shape="TrainingInstanceType", where="resourceConfig.instanceType")


def check_enum(asked: str, *, shape: str, where: str) -> None:
    """Refuse a value outside the list of the installed botocore's API model."""
    allowed = _enum(shape)
    if asked not in allowed:
        raise ValidationError(
            f"1 validation error detected: Value '{asked}' at '{where}' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(allowed)}]"
        )


def refuse_over(limit: float | None, *, name: str, used: int, asked: int) -> None:
    """Refuse what goes beyond a quota; None is for one that the sandbox does not know."""
    if limit is not None and used + asked > limit:
        raise ResourceLimitExceededError(
            f"The account-level service limit '{name}' is {limit:g} Instances, with current "
            f"utilization of {used} Instances and a request delta of {asked} Instances. Please "
            "use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas "
            "is not available, contact AWS support to request an increase for this quota."
        )


@cache
def _enum(shape: str) -> tuple[str, ...]:
    found = cast("StringShape", get_service_model("sagemaker").shape_for(shape))
    return tuple(found.enum)
