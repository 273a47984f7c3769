"""What SageMaker refuses and moto does not, or refuses in other words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from botocore.model import StringShape

Record = TypeVar("Record")


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
        asked = variant.get("InstanceType")
        if asked is not None and asked not in hosting_instance_types():
            raise ValidationError(
                f"1 validation error detected: Value '{asked}' at "
                f"'productionVariants.{number}.member.instanceType' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(hosting_instance_types())}]"
            )


@cache
def hosting_instance_types() -> tuple[str, ...]:
    """Every instance type that the API model of the installed botocore lists for hosting."""
    model = get_service_model("sagemaker")
    shape = cast("StringShape", model.shape_for("ProductionVariantInstanceType"))
    return tuple(shape.enum)
