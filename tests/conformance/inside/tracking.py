"""Watches what the server's code does with settings: what it reads, makes of them, and logs."""

from __future__ import annotations

import enum
import importlib
import logging
from collections.abc import Mapping
from typing import Any


class TrackedDict(dict[str, Any]):
    """A dict that remembers which keys Python code has asked for one by one."""

    reads: set[str]

    def __init__(self, values: Mapping[str, Any], reads: set[str]) -> None:
        super().__init__(values)
        self.reads = reads

    def __deepcopy__(self, _: object) -> TrackedDict:
        return TrackedDict(self, self.reads)

    def __getitem__(self, key: str) -> Any:
        self.reads.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.reads.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.reads.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.reads.add(key)
        return super().pop(key, *default)


class Recorder:
    """What one case did: the validated settings it made, keys it read, warnings it logged."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.passed: set[str] = set()
        self.created: list[Any] = []
        self.warnings: list[str] = []

    def start(self) -> None:
        self.reads.clear()
        self.passed.clear()
        self.created.clear()
        self.warnings.clear()


class WarningsOf(logging.Handler):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.WARNING)
        self.recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        self.recorder.warnings.append(record.getMessage())


def record_properties(recorder: Recorder) -> type:
    """The server's base class of settings, changed to tell `recorder` of each one that is made."""
    base: Any = importlib.import_module("djl_python.properties_manager.properties").Properties

    def initialize(self: Any, **data: Any) -> None:
        tracked = TrackedDict(data, recorder.reads)
        if not hasattr(base, "__pydantic_validator__"):
            validate = importlib.import_module("pydantic.v1.main").validate_model
            values, fields_set, error = validate(type(self), tracked)
            if error:
                raise error
            object.__setattr__(self, "__dict__", values)
            object.__setattr__(self, "__fields_set__", fields_set)
            self._init_private_attributes()
        else:
            type(self).__pydantic_validator__.validate_python(tracked, self_instance=self)
            if self.__pydantic_extra__ is not None:
                extra = TrackedDict(self.__pydantic_extra__, recorder.reads)
                object.__setattr__(self, "__pydantic_extra__", extra)
            if hasattr(self, "get_additional_vllm_engine_args"):  # these go on to vLLM
                recorder.passed.update(self.get_additional_vllm_engine_args())
        recorder.created.append(self)

    base.__init__ = initialize
    return base  # type: ignore[no-any-return]


def fields_of(settings: Any) -> dict[str, tuple[str, ...]]:
    """Field name -> the keys that fill it, in the order in which they win."""
    cls = type(settings)
    if hasattr(cls, "__pydantic_validator__"):
        by_name = cls.model_config.get("populate_by_name", False)
        fields = {name: field.alias for name, field in cls.model_fields.items()}
    else:
        by_name = cls.__config__.allow_population_by_field_name
        fields = {name: field.alias for name, field in cls.__fields__.items()}
    return {
        name: (name,)
        if alias in {None, name}
        else ((str(alias), name) if by_name else (str(alias),))
        for name, alias in fields.items()
    }


def values_of(created: list[Any], keys: list[str]) -> dict[str, Any]:
    """Key -> its value in the settings made last that declare it, for keys that any declares."""
    values: dict[str, Any] = {}
    for settings in created:
        for name, aliases in fields_of(settings).items():
            values.update({key: plain(getattr(settings, name)) for key in aliases if key in keys})
    return values


def plain(value: Any) -> Any:
    """A value as JSON can hold it: an enum's value, the name of a torch dtype, else its repr."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return repr(value)
