"""What tells one compilation from another: an engine's folder, or what a container compiles from.

Told in the same way of a spec and of what is live, by the lines of serving.properties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.artifact.manifest import KEY_CHARACTERS, key_of
from lmi_deployer.deployment import ENGINES_FOLDER
from lmi_deployer.impact import MODEL_LINE
from lmi_deployer.reaching import compiled_lines
from lmi_deployer.serving import ENGINE_LINE

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Backend, Gpu
    from lmi_deployer.spec import Quality, ResolvedSpec

UNSEEN_CACHE = f"s3://<artifacts>/{ENGINES_FOLDER}"
"""Stands for the account's own cache of engines."""


def unseen_engine(spec: ResolvedSpec, artifacts: str | None = None) -> Engine | None:
    """The engine that `up` looks for, as far as nobody has looked; None where it looks for none.

    `artifacts` is the S3 folder of deployments, where it is known. Of weights on S3, another folder
    counts as other weights.
    """
    from lmi_deployer.compiling.lookup import is_looked_up

    if spec.compilation is None or not is_looked_up(spec):
        return None
    artifacts = artifacts or spec.endpoint.artifacts
    cache = spec.compilation.cache or (artifacts and f"{artifacts}{ENGINES_FOLDER}")
    source = spec.weights.source
    digest = None if source is None else hashlib.sha256(source.encode()).hexdigest()
    return Engine(inputs=engine_inputs(spec, digest), cache=cache or UNSEEN_CACHE)


def engine_folder(lines: Mapping[str, str]) -> str | None:
    """Folder of the compiled engine that serving.properties names; None where it names none."""
    found = ENGINE_LINE.search(f"{MODEL_LINE}={lines.get(MODEL_LINE, '')}")
    return found and found[1]


def name_of(folder: str) -> str:
    """The name of an engine's folder: the beginning of its key."""
    return folder.rstrip("/").rpartition("/")[2]


def cache_of(folder: str) -> str:
    """The cache that an engine's folder lies in."""
    return folder.removesuffix(f"{name_of(folder)}/")


def compiled_from(
    version: str, backend: Backend, image: str, gpu: Gpu, lines: Mapping[str, str]
) -> str:
    """A hash of everything from which a container compiles what it serves."""
    inputs = {
        "image": image,
        "gpu": [gpu.architecture, gpu.compute_capability, gpu.memory_gib],
        "lines": {name: lines[name] for name in compiled_lines(version, backend, lines)},
    }
    return key_of(inputs)[:KEY_CHARACTERS]


def asked_by(quality: Quality) -> str:
    """A hash of what a gate asks, without what the answers have to come to."""
    reference = None if quality.reference is None else list(quality.reference)
    return key_of({"asked": [list(quality.prompts), reference, quality.max_new_tokens]})
