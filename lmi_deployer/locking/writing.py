"""The text of a lock: one fact a line, in one order, so that the same facts are the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lmi_deployer.lockfile import LOCK_VERSION, LockedModel

ABOUT = "facts of the models that the profiles here name; `lmi-deploy lock` writes this file"


def text_of(models: Iterable[LockedModel]) -> str:
    """The text of a lock with these models."""
    document = {
        "about": ABOUT,
        "lock_version": LOCK_VERSION,
        "models": [_row(entry) for entry in sorted(models, key=lambda entry: entry.key)],
    }
    return _laid_out(document) + "\n"


def _row(entry: LockedModel) -> dict[str, Any]:
    """An entry as the file has it, without what is not known."""
    weights = {
        name: {"bytes": entry.weights[name].bytes, "files": entry.weights[name].files}
        for name in sorted(entry.weights)
    }
    row = {
        "id": entry.model_id,
        "source": entry.source,
        "requested": entry.requested,
        "commit": entry.commit,
        "content": entry.content,
        "facts_from": entry.facts_from,
        "checked": entry.checked,
        "renamed_to": entry.renamed_to,
        "gated": entry.gated,
        "private": entry.is_private,
        "parameters": _in_order(entry.parameters),
        "weights": weights,
        "tokenizer": _in_order(entry.tokenizer),
        "config": _in_order(entry.config),
        "doubts": list(entry.doubts),
    }
    always = {"id", "requested", "facts_from", "checked"}
    is_open = entry.facts_from in {"hub", "catalog"} and entry.source is None
    return {
        key: value
        for key, value in row.items()
        if key in always or value not in (None, {}, []) or (key == "commit" and is_open)
    }


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return value


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with one fact a line; a list of plain values stays on the line of its key."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        inside = [f"{deeper}{json.dumps(k)}: {_laid_out(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inside) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        inside = [f"{deeper}{_laid_out(item, deeper)}" for item in value]
        return "[\n" + ",\n".join(inside) + f"\n{indent}]"
    return json.dumps(value)
