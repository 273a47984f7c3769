"""Where each model stands in a lock: found at once for all, since diffs ask for many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from lmi_deployer.findings import Place

if TYPE_CHECKING:
    from lmi_deployer.lockfile import Key, Lock, LockedModel

_GAP = re.compile(r"[\s,:]*")
_MODELS, _LATEST = "models", "main"


def entry_place(lock: Lock, entry: LockedModel) -> Place:
    """Where an entry of a lock stands; the file alone for a lock that was not read from a text."""
    return _places(lock.text, lock.file).get(entry.key) or Place(lock.file)


@lru_cache(maxsize=16)
def _places(text: str, file: str) -> Mapping[Key, Place]:
    places: dict[Key, Place] = {}
    line, counted, start = 1, 0, 0
    for offset, row in _rows(text):
        line, counted = line + text.count("\n", counted, offset), offset
        start = text.rfind("\n", 0, offset)
        names = (row.get("id"), row.get("source") or "", row.get("requested", _LATEST))
        places[cast("Key", tuple(map(str, names)))] = Place(file, line, offset - start)
    return places


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(offset, content) of each model in the text of a lock, which has been read before."""
    decoder = json.JSONDecoder()
    here = _after_gap(text, text.find("{") + 1)
    while here < len(text) and text[here] != "}":
        key, here = decoder.raw_decode(text, here)
        here = _after_gap(text, here)
        if key != _MODELS or text[here] != "[":
            _, here = decoder.raw_decode(text, here)
            here = _after_gap(text, here)
            continue
        here = _after_gap(text, here + 1)
        while text[here] != "]":
            row, after = decoder.raw_decode(text, here)
            if isinstance(row, dict):
                yield here, row
            here = _after_gap(text, after)
        return


def _after_gap(text: str, offset: int) -> int:
    """The offset of what comes next, behind spaces, commas and colons."""
    gap = _GAP.match(text, offset)
    return offset if gap is None else gap.end()
