"""Reads a config.json that the user named, with what tools wrote beside it."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

from lmi_deployer.edges.files import read_text
from lmi_deployer.errors import InputError
from lmi_deployer.shapes.stored import FILES_BESIDE, completed

CONFIG = "config.json"


def read_config(path: Path) -> dict[str, Any]:
    """A model's configuration, with the quantization that a file beside it states.

    "-" is standard input. Raises InputError for what is no JSON object.
    """
    return completed(_object(path), _beside(path), lambda name: _object(path.parent / name))


def _beside(path: Path) -> Container[str]:
    """Under another name than its own, a configuration may lie beside another model's files."""
    if path.name != CONFIG:
        return ()
    return [name for name in FILES_BESIDE if (path.parent / name).is_file()]


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}", fix="give the model's own") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object", fix="give the model's own")
    return found
