"""What becomes of the engine that a spec needs: there already, compiled first, or in the container.

Decided from what was looked up, as text for people and as data for programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lmi_deployer.aot.engine import Engine
    from lmi_deployer.aot.estimate import CompileEstimate
    from lmi_deployer.catalog.compiler_rows import ArtifactKind
    from lmi_deployer.spec import ResolvedSpec
    from lmi_deployer.state import ObservedEngine

Fate = Literal["cached", "compiled first", "compiled unless cached", "made in the container"]
SHORT_NAMES: Mapping[ArtifactKind, str] = {
    "trt_engine": "trt_engine",
    "deepspeed_checkpoint": "checkpoint",
    "neuron_graph": "graph",
}
"""As it stands before a line of a plan."""
SHOWN_CHARACTERS = 8
"""Of a key, for people."""
MOST_PROBLEMS = 5
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The engine of one spec, and what a plan does about it."""

    spec: ResolvedSpec
    """As it was asked for."""
    fate: Fate
    engine: Engine | None = None
    """None where nothing was looked up."""
    estimate: CompileEstimate | None = None
    """Of compiling ahead, or of what the container spends at every start; None for a cached one."""
    seen: ObservedEngine | None = None
    """What lies in the engine's folder, for the planner; None where nobody looked."""
    committed_seconds: float | None = None
    """Since 1970: when a cached one was committed."""
    warnings: tuple[str, ...] = ()
    """What could not be made sure of before compiling costs money, or what a cached one costs."""
    untold: str | None = None
    """Why the cache could not be looked into, where an engine would have been used."""
    until_now: tuple[str, ...] | None = None
    """Folders of the engines that an update takes out of service; None where no files change."""

    @property
    def name(self) -> str:
        """What a plan calls it."""
        compilation = self.spec.compilation
        return SHORT_NAMES[compilation.compiler.kind] if compilation else "engine"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        engine = self.engine
        manifest = engine.manifest if engine else None
        return {
            "name": self.name,
            "fate": self.fate,
            "key": engine and engine.key,
            "uri": engine and engine.uri,
            "is_cached": engine is not None and engine.is_ready,
            "problems": [
                {"what": item.what, "wanted": item.wanted, "found": item.found}
                for item in (engine.problems if engine else ())
            ],
            "committed_seconds": self.committed_seconds,
            "made": None if manifest is None else dict(manifest.made),
            "quality": manifest and manifest.quality,
            "size_bytes": manifest and manifest.size_bytes,
            "estimate": self.estimate and self.estimate.as_json(),
            "warnings": list(self.warnings),
            "not_looked_up": self.untold,
            "served_until_now": None if self.until_now is None else list(self.until_now),
        }


def outlook_lines(
    outlook: Outlook, *, now_seconds: float, arguments: str
) -> Iterator[tuple[str, str]]:
    """(sign, text) of each line about an engine; `now_seconds` is since 1970.

    `arguments` are what a follow-up command needs to mean the same engine.
    """
    engine = outlook.engine
    if outlook.fate == "cached" and engine is not None:
        yield "ok", _cached(outlook, engine, now_seconds)
        yield from (("", warning) for warning in outlook.warnings)
        yield from (("", text) for text in _until_now(outlook))
        return
    key = f" ({engine.key[:SHOWN_CHARACTERS]})" if engine else ""
    if engine is not None and engine.problems:
        what = "what lies in the cache" if engine.manifest else "the cache"
        yield "!!", f"{what}{key} is not used: {engine.folder}"
        shown = engine.problems[:MOST_PROBLEMS]
        yield from (("", str(item)) for item in shown)
        if len(engine.problems) > len(shown):
            yield "", f"and {len(engine.problems) - len(shown)} more"
    if outlook.untold is not None:
        yield "--", f"the cache was not looked into: {outlook.untold}"
    if outlook.fate == "compiled first":
        yield "--", f"not in cache{key}: compile {_where(outlook)}"
        yield from (("", warning) for warning in outlook.warnings)
    elif outlook.fate == "compiled unless cached":
        yield "--", f"compile unless cached{key}: {_where(outlook)}"
    else:
        yield from _in_container(outlook, arguments)
    yield from (("", text) for text in _until_now(outlook))


def _until_now(outlook: Outlook) -> Iterator[str]:
    """What an update takes out of service, where that is something else than what comes."""
    if outlook.until_now is None:
        return
    if outlook.until_now:
        yield f"the endpoint serves {', '.join(outlook.until_now)} until then"
    elif outlook.fate != "made in the container":
        yield "until then the endpoint's container makes its own at every start"


def _cached(outlook: Outlook, engine: Engine, now_seconds: float) -> str:
    manifest = engine.manifest
    made: Mapping[str, Any] = manifest.made if manifest else {}
    words = ["compiled"]
    if outlook.committed_seconds is not None:
        words.append(_age(now_seconds - outlook.committed_seconds))
    machine = made.get("instance_type") or made.get("runner")
    words += [f"on {machine}"] if machine else []
    quality = manifest.quality if manifest else None
    agreement = quality.get("agreement") if quality else None
    return f"cached ({engine.key[:SHOWN_CHARACTERS]}), {' '.join(words)}" + (
        "" if agreement is None else f", agreement {agreement:.2f}"
    )


def _age(seconds: float) -> str:
    days = int(seconds // DAY_SECONDS)
    return "today" if days <= 0 else "1 day ago" if days == 1 else f"{days} days ago"


def _where(outlook: Outlook) -> str:
    compilation, estimate = outlook.spec.compilation, outlook.estimate
    if compilation is None:
        return ""
    where = {
        "sagemaker": f"on {compilation.instance.name}",
        "optimization": f"in an optimization job for {outlook.spec.instance.name}",
        "docker": "in Docker on this machine",
        "native": "on this machine",
    }[compilation.runner]
    return f"{where}, {estimate}" if estimate else where


def _in_container(outlook: Outlook, arguments: str) -> Iterator[tuple[str, str]]:
    spec, estimate = outlook.spec, outlook.estimate
    ahead = _ahead(spec, arguments)
    if not spec.support.compiles_at_load:
        if ahead:
            yield "--", "not in cache: the container splits the weights at every start"
            yield "", f"{ahead} does it once"
        return
    minutes = spec.endpoint.startup_timeout_seconds // 60
    yield "--", f"compiled in the container at every start, which gets {minutes} min in all"
    if estimate is not None:
        yield "", f"each start and scale-out compiles for {estimate} an instance"
    if ahead:
        yield "", f"{ahead} compiles ahead, once"


def _ahead(spec: ResolvedSpec, arguments: str) -> str:
    """The command that compiles ahead of time; nothing where nobody could, or would use it."""
    from lmi_deployer.aot.commands import refusal

    compilation = spec.compilation
    if compilation is None or compilation.mode == "jit":
        return ""
    if refusal(compilation.compiler, spec) is not None:
        return ""
    return f"`lmi-deploy compile {arguments}`"
