"""Stand-ins for the libraries that the server's Python code imports and that no test needs.

They let the server's own handlers run up to the point where a model would be loaded: what they
check and replace before that is real, what the libraries would do is left out.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Self


class _StandInType(type):
    """Makes every attribute of a stand-in class another stand-in."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()

    def __iter__(cls) -> Iterator[Any]:
        return iter(())

    def __add__(cls, _: object) -> Any:
        return StandIn()


class StandIn(metaclass=_StandInType):
    """Takes any call, attribute and item, and means nothing by it."""

    __struct_fields__: tuple[str, ...] = ()  # of msgspec, which vLLM's parameters are made with
    __version__ = "0"

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __init_subclass__(cls, **_: object) -> None:
        pass

    def __class_getitem__(cls, _: object) -> type[StandIn]:
        return cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()

    def __call__(self, *_: object, **__: object) -> StandIn:
        return StandIn()

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, _: object) -> StandIn:
        return StandIn()

    def __setitem__(self, _: object, __: object) -> None:
        pass

    def __contains__(self, _: object) -> bool:
        return False

    def __gt__(self, _: object) -> bool:
        return False

    def __add__(self, _: object) -> StandIn:
        return self


class StandInModule(types.ModuleType):
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        stand_in = _StandInType(name, (StandIn,), {"__module__": self.__name__})
        setattr(self, name, stand_in)
        return stand_in


REAL_PACKAGES = frozenset(sys.stdlib_module_names) | {
    "annotated_types",
    "djl_python",
    "pydantic",
    "pydantic_core",
    "tests",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}
"""What is imported as it is; every other package is a stand-in, whether it is installed or not."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for every package that is not to be real."""

    def find_spec(
        self, name: str, _: Sequence[str] | None, __: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in REAL_PACKAGES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return StandInModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__path__ = []


def install() -> None:
    """Make every import of a library succeed with a stand-in, in this process."""
    sys.meta_path.insert(0, _Finder())


def make_module(name: str, **members: object) -> types.ModuleType:
    """Make a module that has these members, and a stand-in for every other name."""
    module = StandInModule(name)
    module.__path__ = []
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module
