"""What a file or an environment comes to for the server: the lines that a profile has to render.

A profile is deployed as serving.properties alone. So variables become the keys that they stand for,
and what nothing reads, or what only a variable can say, is left out and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lmi_deployer import secrets
from lmi_deployer.catalog.rows import Backend, BackendSupport, Container
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, ProfileError, errors_among
from lmi_deployer.lint import Judged, Target, judge_settings, lint
from lmi_deployer.server.selection import Selection, select
from lmi_deployer.written import Written

CUSTOM = "custom"
NO_EFFECT = "it has no effect"
NO_PLACE = "a profile has no place for it: it is deployed as serving.properties, without variables"


@dataclass(frozen=True)
class LeftOut:
    """Something of the source that the profile does not say."""

    name: str
    """The key or variable, as written."""
    reason: str
    """Why, as a sentence that stands by itself."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Settings that one backend of one image serves with."""

    written: Written
    target: Target
    selection: Selection
    backend: Backend
    support: BackendSupport
    lines: Mapping[str, str]
    """The lines of serving.properties that it comes to, with keys as they are written."""
    texts: Mapping[str, str]
    """The same by the keys that handlers see."""
    effective: Mapping[str, str]
    """Key: value that takes effect, what the server writes by itself included."""
    findings: tuple[Finding, ...]
    """What lint says about it."""
    left_out: tuple[LeftOut, ...]


def refuse_secrets(written: Written) -> None:
    """Raise ProfileError for every secret in the source, wherever it would go."""
    pairs = {**written.properties, **written.environment}
    found = [name for name, value in pairs.items() if secrets.is_secret(name, value)]
    if found:
        raise ProfileError(
            Finding.error(
                "LMI006",
                "holds a secret in plain text",
                place=written.places.get(name, Place(written.name)),
                key=secrets.redacted(name),
                fix=secrets.FIX,
            )
            for name in found
        )


def read_source(written: Written, target: Target) -> Source:
    """The settings as the server of one image understands them.

    Raises ProfileError, with what lint finds, for settings that this image would not serve with,
    and InputError for a handler that profiles cannot choose.
    """
    judged = judge_settings(target, written.properties, written.environment)
    merged = judged.merged
    selection = select(target.facts, merged.texts, target.model, merged.late)
    engine, engine_names = _engine_of(target.container, written.environment)
    left_out = tuple(_left_out(judged, written, target, engine_names))
    gone = {item.name for item in left_out}
    remaining = errors_among(lint(_without(written, gone), target).findings)
    remaining = tuple(finding for finding in remaining if finding.key not in engine_names)
    if remaining:
        raise ProfileError(remaining)
    backend, support = _backend(target.container, target.flavor, selection)
    texts = {} if engine is None else {"engine": engine}
    lines = dict(texts)
    for key, setting in merged.settings.items():
        if setting.name not in gone | engine_names:
            texts[key] = setting.value
            lines[key if setting.is_environment else setting.name] = setting.value
    findings = lint(written, target).findings
    return Source(
        written=written,
        target=target,
        selection=selection,
        backend=backend,
        support=support,
        lines=lines,
        texts=texts,
        effective=judged.effective,
        findings=tuple(item for item in findings if item.key not in engine_names),
        left_out=left_out,
    )


def _without(written: Written, names: set[str]) -> Written:
    return replace(
        written,
        properties={key: text for key, text in written.properties.items() if key not in names},
        environment={key: text for key, text in written.environment.items() if key not in names},
    )


def _engine_of(
    container: Container, environment: Mapping[str, str]
) -> tuple[str | None, frozenset[str]]:
    """The engine that variables stand for together, as `render` writes them, and their names."""
    engines = dict.fromkeys(row.engine for row in container.backends.values())
    for engine in engines:
        pairs = dict(
            item.format(engine=engine).split("=", 1) for item in container.engine_environment
        )
        if pairs.items() <= environment.items():
            return engine, frozenset(pairs)
    return None, frozenset()


def _left_out(
    judged: Judged, written: Written, target: Target, engine_names: frozenset[str]
) -> Iterator[LeftOut]:
    """What is refused in a profile because it does nothing, and what a profile cannot say."""
    merged = judged.merged
    refused = {issue.key for issue in judged.issues if issue.severity == "error"}
    holding, ignored = set(engine_names), set()
    for key, setting in merged.settings.items():
        is_variable = setting.is_environment and key in target.facts.config_keys
        if not is_variable and (key in judged.effective or key not in refused):
            holding.add(setting.name)
        elif not is_variable:
            ignored.add(setting.name)
    ignored |= {item.name for item in merged.overridden} | {item.name for item in merged.unread}
    for name in (*written.properties, *written.environment):
        if name not in holding:
            has_no_effect = name in ignored or name in written.properties
            yield LeftOut(name, NO_EFFECT if has_no_effect else NO_PLACE)


def _backend(
    container: Container, flavor: str, selection: Selection
) -> tuple[Backend, BackendSupport]:
    """The backend of profiles that serves. Raises InputError where none of them does."""
    handler = selection.handler
    if handler is None:
        reason = selection.reason or "the server stops before it chooses"
        fix = "name engine and option.rolling_batch in it, so that it can"
        raise InputError(f"what serves the model cannot be told: {reason}", fix=fix)
    for backend, support in container.backends.items():
        if backend == handler and support.flavor == flavor:
            return backend, support
    if handler == CUSTOM:
        problem = f"{selection.entry_point} is a handler of your own"
    elif handler in container.backends:
        problem = f"it is served by {handler} in the {flavor} image, where profiles do not run it"
    else:
        problem = f"it is served by {handler}"
    known = ", ".join(container.backends)
    raise InputError(f"{problem}; a profile can name {known}", fix="keep serving.properties for it")
