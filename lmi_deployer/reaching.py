"""Which parts of a deployment follow from which key of a profile: the one table of it.

A test changes every key and compares: the worst that is said of a key that changed is what a plan
then does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lmi_deployer.aot.inputs import HAS_A_FIELD, reaches_the_artifact
from lmi_deployer.decided import lines_by_key
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


class Reach(dict[str, frozenset[Part]]):
    """Key of a profile: the parts of a deployment that follow from it; worked out when asked.

    The same for every spec of one kind: they hang on which lines there are, not on what those say.
    """

    def __init__(self, spec: ResolvedSpec) -> None:
        super().__init__()
        self._lines = {key: tuple(pairs) for key, pairs in lines_by_key(spec).items()}
        self._version, self._backend = spec.container.version, spec.backend
        self._may_be_ahead = spec.compilation is not None and spec.compilation.mode != "jit"
        self._is_compiled = self._may_be_ahead or spec.support.compiles_at_load

    def __missing__(self, key: str) -> frozenset[Part]:
        self[key] = parts = self._parts(key)
        return parts

    def _parts(self, key: str) -> frozenset[Part]:
        lines = self._lines_of(key)
        parts = _of_section(key)
        if lines:
            parts |= {Part.FILES}
        if not self._is_compiled:
            return parts - {Part.ENGINE}
        if compiled_lines(self._version, self._backend, lines):
            parts |= {Part.ENGINE}
        if self._may_be_ahead and Part.ENGINE in parts:
            parts |= {Part.FILES}  # which name the folder of the engine
        return parts

    def _lines_of(self, key: str) -> tuple[str, ...]:
        """The lines of serving.properties that a key decides, also those that it leaves out."""
        for prefix in ("options.", LINE):
            if key.startswith(prefix):
                return (key.removeprefix(prefix),)
        return self._lines.get(key, ())


MOST_KINDS = 1000
_known: dict[tuple[object, ...], Reach] = {}


def reach_of(spec: ResolvedSpec) -> Reach:
    """What follows from each of `values_of(spec)`.

    Of the thousands of hardware profiles of a repository most are of a kind that is known already.
    """
    kind = (
        spec.container.version,
        spec.backend,
        spec.compilation and spec.compilation.mode,
        frozenset(spec.settings),
        frozenset(spec.options),
    )
    found = _known.get(kind)
    if found is None:
        if len(_known) >= MOST_KINDS:
            _known.clear()
        found = _known[kind] = Reach(spec)
    return found


def _of_section(key: str) -> frozenset[Part]:
    """What the table says of a key, or of the section that it stands in; names may have dots.

    >>> sorted(_of_section("endpoint.tags.acme.team"))
    [<Part.TAGS: 'tags'>]
    """
    while key not in REACHES and key:
        key = key.rpartition(".")[0]
    return REACHES.get(key, NOTHING)


def compiled_lines(version: str, backend: Backend, names: Iterable[str]) -> list[str]:
    """The lines of serving.properties among these that can change what is compiled."""
    entries = table(version).handler(backend).entries
    return [
        name for name in names if name in HAS_A_FIELD or reaches_the_artifact(entries.get(name))
    ]
