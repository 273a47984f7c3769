"""What people have to know about a hardware profile that moves, and whether it compiles anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from lmi_deployer.catalog.migration_rows import Topic
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.migrating import facts
from lmi_deployer.migrating.outcome import Note
from lmi_deployer.render import properties
from lmi_deployer.settings.table import Entry, table
from lmi_deployer.spec import ResolvedSpec

LIBRARIES: Mapping[Backend, str] = {
    "trtllm": "tensorrt_llm",
    "lmi-dist": "lmi_dist",
    "vllm": "vllm",
    "deepspeed": "deepspeed",
    "scheduler": "transformers",
    "hf-accelerate": "transformers",
    "neuronx": "neuron_sdk",
}
"""The library of containers.yaml that makes each backend what it is."""
COMPILED_BY: Mapping[Backend, tuple[str, ...]] = {
    "trtllm": ("tensorrt_llm", "tensorrt"),
    "neuronx": ("neuron_sdk", "neuronx_cc"),
}
"""The libraries on whose version an engine or a graph depends."""
NEVER_LEFT_OPEN = frozenset(
    {
        "engine",
        "option.rolling_batch",
        "option.entryPoint",
        "option.async_mode",
        "option.mpi_mode",
        "option.pythonExecutable",
        "option.max_num_tokens",  # the server writes it only beside a batch that is left out
    }
)
"""Keys whose default means nothing to a rendered file, which settles them in other ways."""


def notes(old: ResolvedSpec, new: ResolvedSpec) -> Iterator[Note]:
    """What differs that the profile does not say, the most urgent first."""
    before, after = properties(old), properties(new)
    told = [*_topics(old, new, before, after), *_image(old, new)]
    order = ("break", "change", "info")
    yield from sorted(told, key=lambda note: order.index(note.severity))
    yield from _defaults(old, new, {*before, *after})


def _topics(
    old: ResolvedSpec, new: ResolvedSpec, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Note]:
    for topic in facts.migrations().topics:
        was = facts.state(topic, old.backend, old.container.version)
        now = facts.state(topic, new.backend, new.container.version)
        is_told = was is not None or old.backend == new.backend or topic.severity != "info"
        if now is None or now == was or not is_told:
            continue
        if not _concerns(topic, before, after):
            continue
        text = f"{topic.subject}: {now}" + (f" (before: {was})" if was else "")
        yield Note(severity=topic.severity, text=text, advice=topic.advice, source=topic.source)


def _concerns(topic: Topic, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether what is rendered, before or afterwards, has to do with a topic."""
    if any(key in after for key in topic.unless):
        return False
    pairs = [*before.items(), *after.items()]
    return not topic.when or any(
        key in topic.when and (not topic.when[key] or value in topic.when[key])
        for key, value in pairs
    )


def _image(old: ResolvedSpec, new: ResolvedSpec) -> Iterator[Note]:
    """What the catalog knows of the two images."""
    library, older = LIBRARIES[new.backend], old.image.libraries.get(LIBRARIES[old.backend])
    newer = new.image.libraries.get(library)
    if newer is not None and (older, old.backend) != (newer, new.backend):
        was = f"{LIBRARIES[old.backend]} {older}" if older else old.backend
        yield Note(severity="info", text=f"the library: {library} {newer} (before: {was})")
    if old.image.cuda != new.image.cuda:
        text = f"CUDA of the image: {new.image.cuda} (before: {old.image.cuda})"
        yield Note(severity="info", text=text)
    if old.image.inference_ami != new.image.inference_ami:
        host = new.image.inference_ami or "SageMaker's own default"
        before = old.image.inference_ami or "SageMaker's own default"
        advice = "`up` asks for it; other tools have to, or the container does not start"
        text = f"InferenceAmiVersion: {host} (before: {before})"
        is_asked = new.image.inference_ami is not None
        yield Note(severity="change", text=text, advice=advice if is_asked else None)
    if new.container.facts_of is not None:
        text = f"LMI {new.container.version} was not looked into: what is said of it was read in "
        yield Note(severity="info", text=text + new.container.facts_of)


def _defaults(old: ResolvedSpec, new: ResolvedSpec, rendered: set[str]) -> Iterator[Note]:
    """The defaults that changed for the same backend, of keys that are left out."""
    if old.backend != new.backend:
        return
    told = {key for topic in facts.migrations().topics for key in topic.unless}
    changed = [
        f"{key} {was} -> {now}"
        for key, was, now in _changed(old.container.version, new.container.version, old.backend)
        if key not in rendered and key not in told
    ]
    if changed:
        yield Note(severity="info", text=f"defaults that are others now: {', '.join(changed)}")


@cache
def _changed(
    old_version: str, new_version: str, backend: Backend
) -> tuple[tuple[str, str, str], ...]:
    """(key, old default, new default) of what one backend reads in both versions."""
    before = table(old_version).handler(backend).entries
    after = table(new_version).handler(backend).entries
    return tuple(
        (key, was, now)
        for key in sorted(before.keys() & after.keys() - NEVER_LEFT_OPEN)
        if before[key].is_used
        and after[key].is_used
        and (before[key].default or after[key].default)  # else both are remarks, perhaps reworded
        if (was := _default(before[key])) is not None
        and (now := _default(after[key])) is not None
        and was != now
    )


def _default(entry: Entry) -> str | None:
    """What holds without a key; a remark in brackets where no single value does."""
    remark = entry.first("default_note")
    return entry.default or (f"({remark})" if remark else None)


def recompile(old: ResolvedSpec, new: ResolvedSpec) -> str | None:
    """Why an engine or a graph that was compiled before does not serve afterwards."""
    if new.backend not in COMPILED_BY:
        return None
    if old.backend != new.backend:
        return f"{new.backend} compiles what it serves"
    for library in COMPILED_BY[new.backend]:
        was, now = old.image.libraries.get(library), new.image.libraries.get(library)
        if was != now:
            change = f"{library} {was or '?'} -> {now or '?'}"
            return f"{change}, and neither runs what the other compiled"
    entries = table(new.container.version).handler(new.backend).entries
    before, after = properties(old), properties(new)
    changed = sorted(
        key
        for key in {*before, *after}
        if before.get(key) != after.get(key)
        and key in entries
        and entries[key].first("is_build_time")
    )
    return f"it is part of what is compiled: {', '.join(changed)}" if changed else None
