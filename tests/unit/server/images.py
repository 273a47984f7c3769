"""The facts of one image, straight from the rows of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

import lmi_deployer.catalog
from lmi_deployer.catalog.option_rows import Variable
from lmi_deployer.catalog.server_rows import Server, compile_server, compile_variables
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.server.choice import Selection
from lmi_deployer.server.facts import Facts, facts_for
from lmi_deployer.server.merging import merge
from lmi_deployer.server.selection import select

FOLDER = Path(lmi_deployer.catalog.__file__).parent
LMI_NUMBERS = range(18, 29)
ORDER = (
    *("0.22.1", *(f"0.{minor}.0" for minor in range(23, 36))),
    *(f"0.36.0-lmi{number}" for number in LMI_NUMBERS),
)
LLAMA = ModelFacts(model_type="llama", architectures=("LlamaForCausalLM",), num_attention_heads=32)
NOTHING: Mapping[str, str] = {}


def rows(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@cache
def servers() -> list[Server]:
    return TypeAdapter(list[Server]).validate_python(rows("servers.yaml"))


@cache
def variables() -> list[Variable]:
    return TypeAdapter(list[Variable]).validate_python(rows("environment.yaml"))


@cache
def image(version: str, flavor: str) -> Facts:
    return facts_for(
        version,
        flavor,
        compile_server(version, ORDER, servers()),
        compile_variables(version, ORDER, variables()),
    )


def chosen(
    version: str,
    flavor: str,
    properties: Mapping[str, str],
    model: ModelFacts | None = LLAMA,
    environment: Mapping[str, str] = NOTHING,
) -> Selection:
    """What the server of an image makes of a file, an environment and a model."""
    facts = image(version, flavor)
    merged = merge(facts, properties, environment)
    return select(facts, merged.texts, model, merged.late)


def of(
    version: str, flavor: str, model: ModelFacts | None = LLAMA, /, **properties: object
) -> Selection:
    """What is chosen for a model id and options; engine and batch_size have no prefix."""
    named = {
        key if key in {"engine", "batch_size"} else f"option.{key}": str(value)
        for key, value in properties.items()
    }
    return chosen(version, flavor, {"option.model_id": "a/b", **named}, model)


def outcomes(selection: Selection) -> dict[str, str]:
    """Key: outcome, of everything that surely goes wrong."""
    return {item.key: item.outcome for item in selection.problems if not item.missing}


def flavors_of(version: str) -> tuple[str, ...]:
    """The images whose default handler the server knows."""
    return tuple(compile_server(version, ORDER, servers())["default_entry_points"])
