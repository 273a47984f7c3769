"""Makes a profile render exactly the lines of its source, through `options`.

Whatever the settings come to is laid over with what the source says: lines that it spells another
way or has besides, and null for those that it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lmi_deployer import render
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.importing.draft import Draft
from lmi_deployer.importing.spelling import typed
from lmi_deployer.profile import API_VERSION
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec, Value

SHOWN_FILE = "the imported profile"


def content(draft: Draft, name: str, hardware: str, version: str) -> dict[str, Any]:
    """The draft as the data of a profile."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelProfile",
        "name": name,
        "model": draft.model,
        "container": {"version": version},
        "traffic": draft.traffic,
        "profiles": {hardware: draft.hardware},
    }


def decide(data: Mapping[str, Any], hardware: str) -> ResolvedSpec:
    """What a profile comes to. Raises ProfileError where it cannot be decided."""
    loaded = load_profile(json.dumps(data), SHOWN_FILE)  # JSON is YAML
    return resolve(merge(loaded, hardware))


def options(spec: ResolvedSpec, lines: Mapping[str, str]) -> dict[str, Value | None]:
    """The raw options with which a spec renders exactly these lines."""
    rendered = render.properties(spec)
    wrong = {name: typed(text) for name, text in lines.items() if rendered.get(name) != text}
    absent = dict.fromkeys((name for name in rendered if name not in lines), None)
    return dict(sorted({**wrong, **absent}.items()))
