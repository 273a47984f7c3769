"""Gives compiled rows their types. They were checked when they were compiled, so this does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from lmi_deployer.catalog.rows import Row

AnyRow = TypeVar("AnyRow", bound=Row)


def typed(kind: type[AnyRow], row: Mapping[str, Any]) -> AnyRow:
    """A row of a compiled table as the model it was checked against."""
    makers = _makers(kind)
    construct: Any = kind.model_construct
    made: AnyRow = construct(**{name: makers[name](value) for name, value in row.items()})
    return made


@cache
def _makers(kind: type[Row]) -> dict[str, Callable[[Any], Any]]:
    return {name: _maker(field.annotation) for name, field in kind.model_fields.items()}


def _maker(kind: Any) -> Callable[[Any], Any]:
    """What turns a JSON value into a `kind`."""
    if isinstance(kind, type) and issubclass(kind, Row):
        return lambda row: typed(kind, row)
    if kind is date:
        return date.fromisoformat
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType} and NoneType in arguments:
        inner = _maker(next(item for item in arguments if item is not NoneType))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = _maker(arguments[0])
        return lambda values: tuple(inner(value) for value in values)
    if origin is dict:
        inner = _maker(arguments[1])
        return lambda items: {key: inner(value) for key, value in items.items()}
    return lambda value: value
