"""The option catalog as the tests of this folder look at it."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import TypeAdapter

import lmi_deployer.catalog
from lmi_deployer.catalog.option_rows import Combination, Option, Reader, Reading
from lmi_deployer.catalog.versions import versions_in

FOLDER = Path(lmi_deployer.catalog.__file__).parent
IMAGES: dict[Reader, str] = {
    "trtllm": "0.25.0..0.33.0",
    "lmi-dist": "0.23.0..0.32.0",
    "scheduler": "0.23.0..0.32.0",
    "vllm": ">=0.23.0",
    "deepspeed": "<=0.27.0",
    "stable-diffusion": "<=0.27.0",
    "neuronx": "<=0.30.0",
    "stable-diffusion-neuronx": "<=0.30.0",
    "fastertransformer": "<=0.24.0",
}
"""Versions whose images hold a handler; all where it is not named."""


def _order() -> tuple[str, ...]:
    rows = yaml.safe_load((FOLDER / "containers.yaml").read_text(encoding="utf-8"))
    return tuple(row["version"] for row in rows)


def _options(name: str) -> list[Option]:
    text = (FOLDER / "options" / f"{name}.yaml").read_text(encoding="utf-8")
    return TypeAdapter(list[Option]).validate_python(yaml.safe_load(text))


ORDER = _order()
BY_FILE = {path.stem: _options(path.stem) for path in sorted((FOLDER / "options").glob("*.yaml"))}
KEYS = {option.key for options in BY_FILE.values() for option in options}
COMBINATIONS = TypeAdapter(list[Combination]).validate_python(
    yaml.safe_load((FOLDER / "combinations.yaml").read_text(encoding="utf-8"))
)


def versions(expression: str) -> set[str]:
    """The versions that a range stands for."""
    return set(versions_in(expression, ORDER))


def versions_with(reader: Reader) -> set[str]:
    """The versions that have a handler."""
    return versions(IMAGES.get(reader, "all"))


def readings_of(key: str) -> list[Reading]:
    """Every reading of a key, from whatever file."""
    options = [option for group in BY_FILE.values() for option in group if option.key == key]
    return [reading for option in options for reading in option.readings]


def reading_of(key: str, version: str, reader: Reader) -> Reading | None:
    """How one reader reads a key in one version; None where it does not."""
    for reading in readings_of(key):
        if reader in reading.readers and version in versions(reading.versions):
            return reading
    return None
