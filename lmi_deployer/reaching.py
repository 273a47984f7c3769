"""Which parts of a deployment follow from which key of a profile: the one table of it.

A test changes every key and compares: the worst that is said of a key that changed is what a plan
then does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lmi_deployer.aot.inputs import HAS_A_FIELD, reaches_the_artifact
from lmi_deployer.impact import Part
from lmi_deployer.origins import LINE
from lmi_deployer.settings.table import table

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Backend
    from lmi_deployer.spec import ResolvedSpec

NOTHING: frozenset[Part] = frozenset()
REACHES: Mapping[str, frozenset[Part]] = {
    "backend": frozenset({Part.FILES, Part.ENGINE}),
    "compile.cache": frozenset({Part.ENGINE}),
    "compile.mode": frozenset({Part.FILES, Part.ENGINE}),
    "container.image": frozenset({Part.MODEL, Part.ENGINE}),
    "container.inference_ami": frozenset({Part.ENDPOINT_CONFIG}),
    "container.version": frozenset({Part.FILES, Part.MODEL, Part.ENGINE}),
    "endpoint.artifacts": frozenset({Part.MODEL, Part.ENGINE}),
    "endpoint.download_timeout_seconds": frozenset({Part.ENDPOINT_CONFIG}),
    "endpoint.instances": frozenset({Part.ENDPOINT_CONFIG}),
    "endpoint.name": frozenset({Part.ENDPOINT, Part.MODEL}),
    "endpoint.packaging": frozenset({Part.MODEL}),
    "endpoint.role": frozenset({Part.MODEL}),
    "endpoint.startup_timeout_seconds": frozenset({Part.ENDPOINT_CONFIG}),
    "endpoint.tags": frozenset({Part.TAGS}),
    "endpoint.volume_gb": frozenset({Part.ENDPOINT_CONFIG}),
    "endpoint.vpc": frozenset({Part.MODEL}),
    "instance_type": frozenset({Part.ENDPOINT_CONFIG, Part.ENGINE}),
    "model.dtype": frozenset({Part.ENGINE}),
    "model.id": frozenset({Part.ENGINE}),
    "model.revision": frozenset({Part.ENGINE}),
    "model.source": frozenset({Part.FILES, Part.ENGINE}),
    "quality": frozenset({Part.ENGINE}),
    "quantize": frozenset({Part.ENGINE}),
}
"""Key of a profile, or the section that it stands in: the parts that follow from it beside the
lines that it renders to. A key that is not here reaches those alone. Of the rest: `compile` is
about the job, which makes the same engine on any machine; `traffic` and `model.weights_gib` are
what other values are worked out from, and those reach what they reach."""


def reaches(spec: ResolvedSpec, key: str) -> frozenset[Part]:
    """The parts of a deployment that follow from one of `decided_values(spec)`."""
    lines = _lines_of(spec, key)
    parts = REACHES.get(key) or REACHES.get(key.rpartition(".")[0], NOTHING)
    if lines:
        parts |= {Part.FILES}
    may_be_ahead = spec.compilation is not None and spec.compilation.mode != "jit"
    if not may_be_ahead and not spec.support.compiles_at_load:
        return parts - {Part.ENGINE}
    if compiled_lines(spec.container.version, spec.backend, lines):
        parts |= {Part.ENGINE}
    if may_be_ahead and Part.ENGINE in parts:
        parts |= {Part.FILES}  # which name the folder of the engine
    return parts


def compiled_lines(version: str, backend: Backend, names: Iterable[str]) -> list[str]:
    """The lines of serving.properties among these that can change what is compiled."""
    entries = table(version).handler(backend).entries
    return [
        name for name in names if name in HAS_A_FIELD or reaches_the_artifact(entries.get(name))
    ]


def _lines_of(spec: ResolvedSpec, key: str) -> tuple[str, ...]:
    """The lines of serving.properties that a key decides, also those that it leaves out."""
    for prefix in ("options.", LINE):
        if key.startswith(prefix):
            return (key.removeprefix(prefix),)
    return _rendered(spec).get(key, ())


Lines = Mapping[str, tuple[str, ...]]


class _Last:
    """The spec that was asked about last, whose keys are asked about one after the other."""

    known: tuple[ResolvedSpec | None, Lines] = (None, {})


def _rendered(spec: ResolvedSpec) -> Lines:
    """Key of a profile: the names of the lines of serving.properties that follow from it."""
    known, lines = _Last.known
    if known is not spec:
        from lmi_deployer.decided import decided_values

        lines = {item.key: tuple(item.properties) for item in decided_values(spec)}
        _Last.known = (spec, lines)
    return lines
