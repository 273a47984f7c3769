"""Finds an accelerator by any of the names that people and measurements give it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Gpu
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean, nearest

_VENDOR = re.compile(r"^(nvidia|aws|geforce|tesla|quadro)+")
_SIZE = re.compile(r"[-_ ][0-9]+ ?gi?b$", re.IGNORECASE)
_LONGEST_NAME = 60


def find_gpu(name: str) -> Gpu:
    """The one card that a name means; case, spaces, dashes and the vendor's name are passed over.

    Raises InputError for a name that no card has, and for one that several cards of different
    memory have: "A100" alone does not say whether it holds 40 or 80 GiB.
    """
    spelling = _spelling(name)
    known = _known_names()
    if spelling in known:
        return catalog.gpu(known[spelling])
    sizes = _known_models().get(spelling)
    if sizes:
        problem = f"{name!r} is made in several sizes"
        raise InputError(problem, fix=f"one of {', '.join(sizes)}")
    problem = f"unknown GPU {name[:_LONGEST_NAME]!r}"
    near = nearest(spelling, known) if len(name) <= _LONGEST_NAME else None
    offered = (row.name for row in _rows() if row.is_on_sagemaker)
    fix = f"did you mean {known[near]!r}?" if near else did_you_mean("", offered)
    raise InputError(problem, fix=fix)


def _rows() -> Iterator[Gpu]:
    return map(catalog.gpu, catalog.names("gpus"))


@cache
def _known_names() -> Mapping[str, str]:
    """Every spelling of every card: the name of its row."""
    return {_spelling(name): row.name for row in _rows() for name in (row.name, *row.aliases)}


@cache
def _known_models() -> Mapping[str, tuple[str, ...]]:
    """The spelling of a name without the size of the memory: the names with it."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows():
        for name in row.aliases:
            model = _spelling(_SIZE.sub("", name))
            if model != _spelling(name):
                found[model] = (*found.get(model, ()), name)
    return found


def _spelling(name: str) -> str:
    """Letters and digits alone, in lower case, without the vendor."""
    return _VENDOR.sub("", re.sub(r"[^a-z0-9]", "", name.lower()))
