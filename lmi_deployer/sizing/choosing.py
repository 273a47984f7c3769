"""Which container and which of its backends a sizing question is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer import catalog, rules
from lmi_deployer.catalog.rows import Backend, BackendSupport, Container
from lmi_deployer.errors import InputError
from lmi_deployer.rules.backend import quantize_row
from lmi_deployer.rules.backend import refusal as refusal_of
from lmi_deployer.sizing import allowed, setups
from lmi_deployer.sizing.allowed import Refusal

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.sizing.asked import Machine, Wanted

SETTINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pipeline_parallel_degree", ("option.pipeline_parallel_degree",)),
    ("kv_cache_dtype", ("option.kv_cache_dtype",)),
    ("max_model_len", ("option.max_model_len",)),
    ("enable_chunked_prefill", ("option.enable_chunked_prefill",)),
    ("enforce_eager", ("option.enforce_eager",)),
)
"""Setting of a question: the keys of serving.properties that would bring it about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A container version and a backend in it."""

    container: Container
    backend: Backend
    reasons: dict[str, str]
    """Of the two, where they were not named."""
    doubts: tuple[str, ...] = ()


def choose(facts: ModelFacts, shape: ModelShape, machine: Machine, wanted: Wanted) -> Chosen:
    """As named; else the newest container and the backend that `auto` takes in it.

    A version in which several requests are served at once goes before one that takes them in turn.
    Weights in a format that no backend is documented to load are sized all the same, with that
    doubt. Raises InputError where nothing serves the model on the machine.
    """
    first: Refusal | None = None
    is_open = wanted.container_version is None and wanted.backend is None
    ways = [(is_open, False), (False, False)]
    if not _is_too_old(shape, machine, wanted):
        ways.append((False, True))
    for batches, is_lenient in ways:
        for container in _containers(wanted):
            found = _backend(container, facts, shape, machine, wanted, is_lenient=is_lenient)
            if isinstance(found, Refusal):
                first = first or found
            elif not batches or _batches(found):
                return found
    assert first is not None  # there is a container
    raise error_of(first)


def _is_too_old(shape: ModelShape, machine: Machine, wanted: Wanted) -> bool:
    """Whether all that is known to load weights as these are stored needs a newer GPU."""
    if shape.stored is None:
        return False
    refusals = [
        allowed.stored_runs_there(container, name, shape, machine)
        for container in _containers(wanted)
        for name, row in container.backends.items()
        if _loads_stored(row, shape.stored.method)
    ]
    return bool(refusals) and None not in refusals


def _batches(chosen: Chosen) -> bool:
    support = chosen.container.backends[chosen.backend]
    return support.default_max_rolling_batch_size is not None


def error_of(refusal: Refusal) -> InputError:
    """The refusal as what ends the command."""
    return InputError(refusal.problem, fix=refusal.fix)


def _containers(wanted: Wanted) -> Iterator[Container]:
    """The named one; else those of known code, the newest first, after those of the very engine."""
    if wanted.container_version is not None:
        yield catalog.container(wanted.container_version)
        return
    rows = [catalog.container(name) for name in reversed(catalog.names("containers"))]
    verified = [row for row in rows if row.is_verified]
    if wanted.engine_version is not None and wanted.backend is not None:
        for row in verified:
            is_there = wanted.backend in row.backends
            if is_there and setups.engine_version(row, wanted.backend) == wanted.engine_version:
                yield row
    yield from verified


def _backend(
    container: Container,
    facts: ModelFacts,
    shape: ModelShape,
    machine: Machine,
    wanted: Wanted,
    *,
    is_lenient: bool,
) -> Chosen | Refusal:
    """The backend of a container, or why there is none."""
    method = None if wanted.quantize == "none" else wanted.quantize
    if wanted.backend is not None:
        refusal = _against(container, wanted.backend, shape, machine, method)
        if wanted.container_version is None:
            refusal = refusal or allowed.gpu_has_the_kernels(container, wanted.backend, machine)
        return refusal or _chosen(container, wanted.backend, shape, machine, wanted, "")
    if is_lenient:
        names = [name for name, row in container.backends.items() if row.model_types is None]
        taken = [name for name in names if not _against(container, name, shape, machine, method)]
        if taken:
            return _chosen(
                container, taken[0], shape, machine, wanted, "the first that takes any family"
            )
    choice = rules.backend(container, machine.gpu, facts, method)
    if choice is not None and any(_unread(container, choice.value, wanted)):
        for name in container.backends:
            is_out = refusal_of(container, name, machine.gpu, facts, method) or any(
                _unread(container, name, wanted)
            )
            if not is_out and not _against(container, name, shape, machine, method):
                why = f"rule: first backend of LMI {container.version} that reads all that is set"
                return _chosen(container, name, shape, machine, wanted, why)
    if choice is not None:
        refusal = _against(container, choice.value, shape, machine, method)
        refusal = refusal or allowed.gpu_has_the_kernels(container, choice.value, machine)
        return refusal or _chosen(container, choice.value, shape, machine, wanted, choice.reason)
    against = (_against(container, name, shape, machine, method) for name in container.backends)
    found = next((refusal for refusal in against if refusal is not None), None)
    problem = f"no backend of LMI {container.version} is documented to serve this model so"
    return found or Refusal(problem, f"--backend with one of {', '.join(container.backends)}")


def _against(
    container: Container, backend: Backend, shape: ModelShape, machine: Machine, method: str | None
) -> Refusal | None:
    refusal = allowed.container_runs_there(container, backend, machine)
    refusal = refusal or allowed.family_is_served(container, backend, shape)
    refusal = refusal or allowed.stored_runs_there(container, backend, shape, machine)
    if refusal is None and method is not None:
        refusal = allowed.method_is_taken(container, backend, shape, machine, method)
    return refusal


def _chosen(
    container: Container,
    backend: Backend,
    shape: ModelShape,
    machine: Machine,
    wanted: Wanted,
    why: str,
) -> Chosen:
    reasons = {} if wanted.backend is not None else {"backend": why}
    if wanted.container_version is None:
        reasons["container_version"] = "rule: the newest that serves the model there"
    if wanted.engine_version is None:
        reasons["engine_version"] = f"container: what LMI {container.version} bundles"
    kernels = allowed.gpu_has_the_kernels(container, backend, machine)
    doubts = [kernels.problem] if kernels else []
    stored = shape.stored.method if shape.stored else None
    if stored and not _loads_stored(container.backends[backend], stored):
        named = f"{backend} of LMI {container.version}"
        doubts.append(f"{named} is not documented to load weights quantized with {stored}")
    return Chosen(container=container, backend=backend, reasons=reasons, doubts=tuple(doubts))


def _loads_stored(support: BackendSupport, stored: str) -> bool:
    row = quantize_row(support, stored)
    if row is None:
        return stored in support.loads_stored
    return row.needs_quantized_checkpoint or row.takes_quantized_checkpoint


def require_keys(chosen: Chosen, wanted: Wanted) -> None:
    """Raise InputError for a setting that the backend of this version does not read."""
    container, backend = chosen.container, chosen.backend
    for setting, keys in _unread(container, backend, wanted):
        key = keys[0].removeprefix("option.")
        problem = f"{backend} of LMI {container.version} reads no {key}"
        raise InputError(problem, fix=_where_read(container, backend, keys, setting))


def _unread(
    container: Container, backend: Backend, wanted: Wanted
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The settings that were asked for and that a backend does not read, with their keys."""
    if wanted.engine_version is not None:
        return  # the library alone is in question
    fraction = setups.fraction_setting(backend)
    names = container.backends[backend].property_names
    tokens = tuple(f"option.{name}" for name in setups.token_settings(backend))
    for setting, keys in (
        *SETTINGS,
        ("memory_fraction", (names.get(fraction, f"option.{fraction}"),)),
        ("max_num_tokens", tokens),
    ):
        value = getattr(wanted, setting)
        is_open = value is None or value == "auto" or (value == 1 and value is not True)
        if not is_open and not _is_read(container, backend, keys):
            yield setting, keys


def _is_read(container: Container, backend: Backend, keys: tuple[str, ...]) -> bool:
    return any(backend in container.options.get(key, ()) for key in keys)


def _where_read(container: Container, backend: Backend, keys: tuple[str, ...], setting: str) -> str:
    flag = f"--{setting.replace('_', '-')}"
    versions = [
        name
        for name in catalog.names("containers")
        if _is_read(catalog.container(name), backend, keys)
    ]
    others = [name for name in container.backends if _is_read(container, name, keys)]
    ways = [f"leave {flag} out"]
    if versions:
        ways.append(f"--container {versions[0]} to {versions[-1]}")
    if others:
        ways.append(f"--backend {' or '.join(others)}")
    return ", or ".join([*ways, "ask about the library alone with --engine-version"])
