"""Lists the fields of the server's own settings classes; imported by the child process alone."""

from __future__ import annotations

import enum
import importlib
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = {bool: "bool", int: "int", float: "float", str: "text"}


def describe(package: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Class -> field -> {"kind", "choices", "default", "keys"} of every class of one version."""
    folder = Path(package, "djl_python", "properties_manager")
    return {
        cls.__name__: {name: _field(*described) for name, described in _fields(cls)}
        for path in sorted(folder.glob("*properties.py"))
        for cls in _classes(importlib.import_module(f"djl_python.properties_manager.{path.stem}"))
    }


def _classes(module: types.ModuleType) -> list[type]:
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and hasattr(member, "__fields_set__")
    ]


def _fields(cls: Any) -> Iterator[tuple[str, tuple[str, Any, Any, str | None, bool]]]:
    if hasattr(cls, "__pydantic_validator__"):
        by_name = bool(cls.model_config.get("populate_by_name"))
        for name, field in cls.model_fields.items():
            default = field.get_default(call_default_factory=True)
            yield name, (name, field.annotation, default, field.alias, by_name)
    else:
        for name, field in cls.__fields__.items():
            alias = field.alias if field.alias != name else None
            yield name, (name, field.outer_type_, field.get_default(), alias, False)


def _field(
    name: str, annotation: Any, default: Any, alias: str | None, by_name: bool
) -> dict[str, Any]:
    kind, choices = _kind(annotation)
    keys = [name] if alias is None else [alias, *([name] if by_name else [])]
    default = default.value if isinstance(default, enum.Enum) else default
    is_plain = isinstance(default, str | int | float | bool | None)
    return {
        "kind": kind,
        "choices": choices,
        "default": default if is_plain else repr(default),
        "keys": keys,
    }


def _kind(annotation: Any) -> tuple[str, list[str]]:
    """The kind of text that fills a field, and its choices when it has some."""
    options = [a for a in typing.get_args(annotation) if a is not type(None)]
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return "choice", [str(option) for option in options]
    if origin in {typing.Union, types.UnionType}:
        return _kind(options[0]) if options else ("other", [])
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return "choice", [str(member.value) for member in annotation]
    if annotation in KINDS:
        return KINDS[annotation], []
    return {list: "list", tuple: "list"}.get(origin or annotation, "other"), []
