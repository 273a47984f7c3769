"""Where nothing fits: what came nearest, and what would make something fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from lmi_deployer.catalog.rows import QuantizeMethod
from lmi_deployer.recommending import Outcome
from lmi_deployer.recommending.loading import Arithmetic
from lmi_deployer.recommending.ranking import Fit
from lmi_deployer.recommending.reasons import Kind, Miss
from lmi_deployer.recommending.search import search
from lmi_deployer.rules import MILDEST_FIRST

_NEARLY: tuple[Kind, ...] = ("budget", "concurrency", "batch", "memory")
"""Kinds of misses, those first that came through the most."""
_EXACT: tuple[Kind, ...] = ("budget", "concurrency")
"""Kinds whose own remedy is sure."""
_OTHERWISE = "other limits, another --container, or another model"


@dataclass(frozen=True, kw_only=True)
class WayOut:
    """The nearest miss in words, and what to do about it, the surest first."""

    nearest: str
    fixes: tuple[str, ...]


def way_out(outcome: Outcome, models: Arithmetic | None = None) -> WayOut:
    """What came nearest where nothing fits; a second search tries what was not asked for."""
    found = [_quantized(outcome, models), _elsewhere(outcome, models)]
    fixes = [fix for fix in found if fix]
    kind, miss, title = _nearest(outcome)
    if miss is None:
        return WayOut(nearest=title, fixes=tuple(fixes) or (_OTHERWISE,))
    if miss.remedy and (kind in _EXACT or not fixes):
        fixes.insert(0, miss.remedy)
    return WayOut(nearest=f"{miss.subject}: {title}: {miss.detail}", fixes=tuple(fixes))


def _nearest(outcome: Outcome) -> tuple[Kind | None, Miss | None, str]:
    tally = outcome.found.tally
    for kind in _NEARLY:
        group = tally.group(kind)
        if group is not None and group.nearest:
            return kind, group.nearest[0], group.title
    groups = sorted(tally, key=lambda item: -item.count)
    if not groups:
        return None, None, "the limits leave no instance type to look at"
    problem = max(groups[0].problems.items(), key=lambda item: item[1])[0]
    return None, None, f"{groups[0].title}: {problem}"


def _quantized(outcome: Outcome, models: Arithmetic | None) -> str | None:
    """The cheapest that fits once weights may be quantized; None where that mends nothing."""
    question = outcome.question
    if question.methods or question.shape.stored is not None:
        return None
    found = search(replace(question, methods=get_args(QuantizeMethod)), models)
    if not found.fits:
        return None
    fit = min(found.fits, key=_mildest)
    return f"--quantize {fit.candidate.method}, with which {fit.candidate.label} fits"


def _elsewhere(outcome: Outcome, models: Arithmetic | None) -> str | None:
    """The cheapest that fits on other machines or backends, where those were limited."""
    limits = outcome.question.limits
    if not (limits.instances or limits.gpus or limits.backends):
        return None
    wider = replace(limits, instances=(), gpus=(), backends=())
    found = search(replace(outcome.question, limits=wider), models)
    if not found.fits:
        return None
    fit = min(found.fits, key=_mildest)
    price = fit.quote.nearest
    cost = f", ${price.usd_per_hour:,.2f} an hour" if price is not None else ""
    return f"{fit.candidate.label}, which fits{cost}"


def _mildest(fit: Fit) -> tuple[float, int, int]:
    """By price, then by how little is lost, then in the order in which backends are tried."""
    candidate, usd = fit.candidate, fit.usd_per_hour
    order = list(candidate.container.backends).index(candidate.backend)
    method = candidate.method
    loss = -1 if method is None else MILDEST_FIRST.index(method)
    return (float("inf") if usd is None else usd, loss, order)
