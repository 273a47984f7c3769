"""What a job leaves beside its output for whoever collects it, where it has no cache itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Result:
    """The parts of the manifest that the job alone knows; written once the output is whole."""

    key: str
    made: Mapping[str, Any]
    files: Mapping[str, int] = field(default_factory=dict)
    """Bytes of every file of the output, by path."""
    quality: Optional[Mapping[str, Any]] = None


def write_result(path: Path, result: Result) -> None:
    """Write it whole or not at all."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "key": result.key,
        "made": result.made,
        "files": result.files,
        "quality": result.quality,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    partial.replace(path)


def read_result(path: Path) -> Optional[Result]:
    """What an earlier run has left; None where it left nothing, or no such thing."""
    try:
        document = json.loads(path.read_bytes())
        if document["schema_version"] != SCHEMA_VERSION:
            return None
        return Result(
            key=str(document["key"]),
            made=dict(document["made"]),
            files={str(name): int(size) for name, size in document["files"].items()},
            quality=document["quality"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
