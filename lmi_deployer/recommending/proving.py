"""Takes the best candidates through the same resolving and checks as any hardware profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmi_deployer import api
from lmi_deployer.findings import Finding, Place, errors_among
from lmi_deployer.recommending import ranking
from lmi_deployer.recommending.candidates import Candidate
from lmi_deployer.recommending.loading import Arithmetic, arithmetic, in_flight
from lmi_deployer.recommending.question import Question
from lmi_deployer.recommending.ranking import Fit
from lmi_deployer.recommending.reasons import Tally
from lmi_deployer.recommending.search import Found
from lmi_deployer.recommending.subject import PROBE, Subject
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.spec import ResolvedSpec

_ABOUT_THE_MODEL = frozenset({"LMI402"})
"""Codes that no choice of hardware mends: the weights cannot be had like this on any."""
_ABOUT_THE_MACHINE = "LMI2"


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """A candidate whose hardware profile has no errors."""

    fit: Fit
    """With the figures of the decided profile."""
    section: Mapping[str, Any]
    """The hardware profile."""
    spec: ResolvedSpec
    findings: tuple[Finding, ...]


def choose(
    question: Question,
    subject: Subject,
    found: Found,
    *,
    top: int,
    every: bool = False,
    models: Arithmetic | None = None,
) -> list[Recommended]:
    """The best of what fits, at most `top`: one an instance type, unless `every` is wanted.

    Instance types around the same GPUs that are no cheaper are left out, as are candidates that
    the checks refuse; both are tallied.
    """
    models = models or arithmetic()
    chosen: list[Recommended] = []
    for fit in ranking.ranked(found.fits, question.goal):
        if len(chosen) == top:
            break
        if not every and _is_repeated(fit, chosen, found.tally):
            continue
        proven = _prove(question, subject, fit, found.tally, models)
        if proven is not None:
            chosen.append(proven)
    best = ranking.ranked([item.fit for item in chosen], question.goal)
    return sorted(chosen, key=lambda item: best.index(item.fit))


def cheapest(
    question: Question,
    subject: Subject,
    found: Found,
    chosen: Sequence[Recommended],
    *,
    models: Arithmetic,
) -> Recommended | None:
    """What serves the model for less an hour than any that was chosen; None where nothing does."""
    charged = [item.fit.usd_per_hour for item in chosen if item.fit.usd_per_hour is not None]
    least = min(charged, default=0.0)
    ranked = ranking.ranked(found.fits, question.goal)
    cheaper = [fit for fit in ranked if fit.usd_per_hour is not None and fit.usd_per_hour < least]
    for fit in sorted(cheaper, key=lambda fit: fit.usd_per_hour or least):
        proven = _prove(question, subject, fit, Tally(), models)
        if proven is not None:
            return proven
    return None


def _is_repeated(fit: Fit, chosen: Sequence[Recommended], tally: Tally) -> bool:
    """Whether the instance type has a better row, or another with the same GPUs costs no more."""
    instance, machine = fit.candidate.instance.name, fit.candidate.machine
    for item in chosen:
        other = item.fit.candidate
        if other.instance.name == instance:
            return True
        same = (other.machine.gpu, other.machine.devices, other.machine.link)
        if same == (machine.gpu, machine.devices, machine.link) and not _is_cheaper(fit, item.fit):
            tally.discard("dearer", f"{instance}: as {other.instance.name}")
            return True
    return False


def _is_cheaper(fit: Fit, other: Fit) -> bool:
    if fit.usd_per_hour is None:
        return False
    return other.usd_per_hour is None or fit.usd_per_hour < other.usd_per_hour


def _prove(
    question: Question, subject: Subject, fit: Fit, tally: Tally, models: Arithmetic
) -> Recommended | None:
    """The candidate as a checked profile, with its memory measured anew as that is decided."""
    from lmi_deployer.sizing import setups

    candidate = fit.candidate
    section = section_of(question, subject, fit)
    checked = api.check(subject.tried(section), PROBE)
    against = [item for item in checked.findings if _stands_against(item)]
    if checked.spec is None or against:
        problem = against[0].problem if against else "it cannot be decided"
        tally.discard("checks", f"{candidate.label}: {problem}")
        return None
    setup = setups.of_spec(checked.spec, question.shape)
    memory = models.measure(setup)
    if not memory.fits and fit.published is None:
        tally.discard("checks", f"{candidate.label}: with the profile's settings it does not fit")
        return None
    performance = fit.performance
    if memory.fits:
        flying = in_flight(question, candidate, setup.max_rolling_batch_size)
        performance = models.estimate(setup, memory, concurrency=flying)
    return Recommended(
        fit=replace(fit, setup=setup, memory=memory, performance=performance),
        section=section,
        spec=checked.spec,
        # A candidate stands in no file, so it has no lines there; a model alone has no file either.
        findings=tuple(
            replace(item, place=Place(subject.file if subject.text is not None else ""))
            if item.place.file == subject.file
            else item
            for item in checked.findings
        ),
    )


def _stands_against(finding: Finding) -> bool:
    """True for errors, and for warnings that the machine may not be enough."""
    if finding.code in _ABOUT_THE_MODEL:
        return False
    is_machine = finding.code.startswith(_ABOUT_THE_MACHINE) and finding.key == "instance_type"
    return bool(errors_among([finding])) or (finding.severity == "warning" and is_machine)


def section_of(question: Question, subject: Subject, fit: Fit) -> dict[str, Any]:
    """The hardware profile of a candidate: what the rest of the profile does not say already."""
    candidate = fit.candidate
    section: dict[str, Any] = {"instance_type": candidate.instance.name}
    if candidate.container.version != subject.container_version:
        section["container"] = {"version": candidate.container.version}
    if subject.dtype is not None and not _goes_with_dtype(candidate, subject.dtype):
        section["model"] = {"dtype": "auto"}
    traffic = _traffic(question, subject)
    if traffic:
        section["traffic"] = traffic
    section["backend"] = candidate.backend
    section["tensor_parallel_degree"] = candidate.tensor_parallel_degree
    if candidate.support.default_max_rolling_batch_size is not None:
        section["max_rolling_batch_size"] = fit.batch
    if candidate.written_method != subject.method:
        written = candidate.written_method
        section["quantize"] = {"method": written} if written else "none"
    if _needs_length(question, candidate):
        longest = question.max_input_len + question.max_output_len
        section[BACKEND_SECTIONS[candidate.backend]] = {"max_model_len": longest}
    return section


def _goes_with_dtype(candidate: Candidate, dtype: str) -> bool:
    """Whether the profile's dtype may stand beside the method."""
    method = candidate.written_method
    dtypes = candidate.support.quantize[method].dtypes if method else candidate.support.dtypes
    return dtype in dtypes


def _traffic(question: Question, subject: Subject) -> dict[str, int]:
    """What the question says otherwise than the profile."""
    asked = {
        "max_input_len": (question.max_input_len, subject.max_input_len),
        "max_output_len": (question.max_output_len, subject.max_output_len),
        "concurrency": (question.limits.concurrency, subject.concurrency),
    }
    return {
        name: wanted
        for name, (wanted, has) in asked.items()
        if wanted is not None and wanted != has
    }


def _needs_length(question: Question, candidate: Candidate) -> bool:
    """Whether the engine would otherwise keep room for the model's own positions."""
    positions = question.shape.max_position_embeddings
    longest = question.max_input_len + question.max_output_len
    is_read = "max_model_len" in candidate.support.property_names
    return is_read and (positions is None or positions > longest)
