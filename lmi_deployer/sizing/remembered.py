"""Keeps what was worked out of a model shape, for searches that ask about one shape again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec, TypeVar

from lmi_deployer.model_shape import ModelShape

P = ParamSpec("P")
T = TypeVar("T")
_MOST_ANSWERS = 4096


class OfShape(Generic[P, T]):
    """A function of a shape that answers at once for a shape object it has seen.

    Shapes are told apart as objects: hashing one would take longer than most answers. Everything
    else that the function takes must be hashable and stand in order.
    """

    def __init__(self, work_out: Callable[Concatenate[ModelShape, P], T]) -> None:
        self._work_out = work_out
        self._known: dict[tuple[object, ...], tuple[ModelShape, T]] = {}

    def __call__(self, shape: ModelShape, *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's value."""
        key = (id(shape), *args)
        known = self._known.get(key)
        if known is not None:  # the entry keeps its shape alive, so the id is still that shape's
            return known[1]
        if len(self._known) >= _MOST_ANSWERS:
            self._known.clear()
        value = self._work_out(shape, *args, **kwargs)
        self._known[key] = (shape, value)
        return value
