"""Which instance type, backend, degree and quantization to serve a model with, and why no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lmi_deployer import catalog, prices
from lmi_deployer.catalog.rows import Container, QuantizeMethod
from lmi_deployer.errors import InputError
from lmi_deployer.prices import PriceTable
from lmi_deployer.recommending.candidates import methods_of
from lmi_deployer.recommending.loading import Arithmetic, arithmetic
from lmi_deployer.recommending.proving import Recommended, cheapest, choose
from lmi_deployer.recommending.question import Goal, Limits, Question
from lmi_deployer.recommending.search import Found, search
from lmi_deployer.recommending.subject import Subject, of_model, of_profile
from lmi_deployer.sizing import allowed

__all__ = [
    "Found",
    "Limits",
    "Outcome",
    "Question",
    "Recommended",
    "Subject",
    "Wish",
    "of_model",
    "of_profile",
    "recommend",
    "search",
]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for; what is left out comes from the profile, or is open."""

    goal: Goal = "cost"
    limits: Limits = field(default_factory=Limits)
    containers: tuple[str, ...] = ()
    max_input_len: int | None = None
    max_output_len: int | None = None
    methods: tuple[QuantizeMethod, ...] = ()
    top: int = 5
    prices: PriceTable | None = None
    """None for the catalog's and the user's own."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is recommended, the best first, and what it was weighed against."""

    subject: Subject
    question: Question
    recommended: tuple[Recommended, ...]
    found: Found
    cheapest: Recommended | None
    """What serves it for the least an hour, where that is cheaper than every row."""
    container_reason: str
    """Where the container version comes from."""


def recommend(subject: Subject, wish: Wish, models: Arithmetic | None = None) -> Outcome:
    """The best ways to serve a model under the wish's limits; none where nothing fits.

    Raises InputError for lengths that the model has no positions for, for names that the catalog
    does not hold, and where no container version serves the model at all.
    """
    containers, reason = _containers(subject, wish)
    question = _question(subject, wish, containers)
    models = models or arithmetic()
    found = search(question, models)
    recommended = choose(
        question,
        subject,
        found,
        top=wish.top,
        every=len(wish.limits.instances) == 1,
        models=models,
    )
    return Outcome(
        subject=subject,
        question=question,
        recommended=tuple(recommended),
        cheapest=cheapest(question, subject, found, recommended, models=models),
        found=found,
        container_reason=reason,
    )


def _question(subject: Subject, wish: Wish, containers: Sequence[Container]) -> Question:
    limits = wish.limits
    if limits.region is not None:
        catalog.registry(limits.region)  # an unknown one is refused with the nearest name
    longest_input = wish.max_input_len or subject.max_input_len
    longest_output = wish.max_output_len or subject.max_output_len
    refusal = allowed.lengths_are_held(subject.shape, longest_input + longest_output)
    if refusal is not None:
        raise InputError(refusal.problem, fix=refusal.fix)
    for method in wish.methods:
        _require_taken(method, subject, containers, limits)
    own = subject.method
    methods = dict.fromkeys([*([own] if own else []), *wish.methods])
    return Question(
        model_id=subject.model_id,
        facts=subject.facts,
        shape=subject.shape,
        containers=tuple(containers),
        max_input_len=longest_input,
        max_output_len=longest_output,
        prices=wish.prices or prices.known(),
        goal=wish.goal,
        methods=tuple(methods),
        dtype=subject.dtype,
        limits=limits,
    )


def _require_taken(
    method: QuantizeMethod, subject: Subject, containers: Sequence[Container], limits: Limits
) -> None:
    """Raise InputError for a method that no backend takes with weights as the model's are."""
    refusals: list[tuple[bool, allowed.Refusal]] = []
    for container in containers:
        for backend in limits.backends or container.backends:
            if backend not in container.backends:
                continue
            refusal = allowed.weights_are_taken(container, backend, subject.shape, method)
            if refusal is None:
                return
            refusals.append((method not in container.backends[backend].quantize, refusal))
    if refusals:  # those that know the method say more
        refusal = min(refusals, key=lambda item: item[0])[1]
        raise InputError(refusal.problem, fix=refusal.fix)


def _containers(subject: Subject, wish: Wish) -> tuple[list[Container], str]:
    """The container versions to look at, and in words why those."""
    if wish.containers:
        return [catalog.container(name) for name in dict.fromkeys(wish.containers)], "as asked for"
    if subject.container_version is not None:
        return [catalog.container(subject.container_version)], "as the profile says"
    rows = [catalog.container(name) for name in reversed(catalog.names("containers"))]
    verified = [row for row in rows if row.is_verified]
    refusals: list[str] = []
    for batches in (True, False):
        for container in verified:
            refusal = _serves(container, subject, wish, batches=batches)
            if refusal is None:
                how = "" if batches else ", one request at a time"
                return [container], f"the newest verified version that serves the model{how}"
            refusals.append(refusal)
    raise InputError(f"no container version serves it: {refusals[0]}", fix="another model")


def _serves(container: Container, subject: Subject, wish: Wish, *, batches: bool) -> str | None:
    """Why a version has no backend for the model as it is wanted; None where it has one.

    With `batches`, only backends count that serve several requests at once.
    """
    refusal = f"LMI {container.version} has no such backend"
    wanted = wish.limits.backends
    for name, support in container.backends.items():
        image = container.flavors[support.flavor]
        is_asked = name in wanted if wanted else image.accelerator == "gpu"
        region = wish.limits.region
        if batches and support.default_max_rolling_batch_size is None:
            continue
        if not is_asked or (region and region in catalog.region_set(image.region_set).missing):
            continue
        family = allowed.family_is_served(container, name, subject.shape)
        if family is not None:
            refusal = family.problem
            continue
        stored = subject.shape.stored
        methods = wish.methods or methods_of(subject.shape, ())
        taken = {None, *support.quantize, *(support.loads_stored if stored else ())}
        if not taken.isdisjoint(methods):
            return None
        refusal = f"{name} of LMI {container.version} does not take "
        refusal += stored.method if stored else " or ".join(wish.methods)
    return refusal
