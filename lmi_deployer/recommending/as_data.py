"""A recommendation for programs, in bytes, seconds and dollars."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lmi_deployer.findings_report import finding_as_json
from lmi_deployer.performance.estimate import Band, NoBasis
from lmi_deployer.prices import Quote
from lmi_deployer.recommending import Outcome, ranking
from lmi_deployer.recommending.proving import Recommended
from lmi_deployer.recommending.reasons import Group

Data = dict[str, Any]


def as_data(outcome: Outcome) -> Data:
    """The question, the ranked recommendations, and the reasons against the others."""
    question, limits, subject = outcome.question, outcome.question.limits, outcome.subject
    return {
        "model": subject.title,
        "model_id": subject.model_id,
        "container_versions": [item.version for item in question.containers],
        "container_reason": outcome.container_reason,
        "goal": question.goal,
        "max_input_len": question.max_input_len,
        "max_output_len": question.max_output_len,
        "concurrency": limits.concurrency,
        "region": limits.region,
        "max_usd_per_hour": limits.max_usd_per_hour,
        "candidates": outcome.found.tally.seen,
        "fits": len(outcome.found.fits),
        "recommendations": [
            _recommendation(rank, item, outcome)
            for rank, item in enumerate(outcome.recommended, start=1)
        ],
        "cheapest_by_the_hour": outcome.cheapest
        and _recommendation(None, outcome.cheapest, outcome),
        "discarded": [_group(group) for group in outcome.found.tally],
        "doubts": list(question.shape.doubts),
    }


def _recommendation(rank: int | None, item: Recommended, outcome: Outcome) -> Data:
    fit, candidate, memory = item.fit, item.fit.candidate, item.fit.memory
    performance = fit.performance
    figures: Data = {"no_basis": None, "basis": None, "concurrency_per_copy": None}
    ttft = itl = None
    if isinstance(performance, NoBasis):
        figures["no_basis"] = performance.reason
    else:
        figures["basis"] = performance.basis
        figures["concurrency_per_copy"] = performance.concurrency
        ttft, itl = performance.ttft_seconds, performance.itl_seconds
    return {
        "rank": rank,
        "is_ranked_by_goal": ranking.has_basis(fit, outcome.question.goal),
        "instance_type": candidate.instance.name,
        "gpu": candidate.machine.gpu.name,
        "gpu_count": candidate.instance.gpu_count,
        "container_version": candidate.container.version,
        "backend": candidate.backend,
        "tensor_parallel_degree": candidate.tensor_parallel_degree,
        "copies": candidate.copies,
        "dtype": item.spec.weights.dtype,
        "quantize": candidate.method,
        "max_rolling_batch_size": item.spec.max_rolling_batch_size,
        "published": fit.published and fit.published.citation,
        "memory": {**asdict(memory), "doubts": list(memory.doubts)},
        "performance": {
            **figures,
            "ttft_seconds": _band(ttft),
            "itl_seconds": _band(itl),
            "output_tokens_per_second": _band(fit.tokens_per_second),
            "answer_seconds": _band(fit.answer_seconds),
        },
        "price": _price(fit.quote),
        "usd_per_million_output_tokens": _band(fit.usd_per_million_tokens),
        "hardware_profile": dict(item.section),
        "findings": [finding_as_json(finding) for finding in item.findings],
    }


def _band(band: Band | None) -> Data | None:
    return None if band is None else asdict(band)


def _price(quote: Quote) -> Data | None:
    """The price that was reckoned with, and whether it is that of the region asked for."""
    nearest = quote.nearest
    if nearest is None:
        return None
    row: Data = nearest.model_dump(mode="json")
    return {**row, "is_of_the_region": quote.price is not None}


def _group(group: Group) -> Data:
    return {
        "reason": group.kind,
        "title": group.title,
        "count": group.count,
        "problems": dict(group.problems),
        "nearest": [asdict(miss) for miss in group.nearest],
    }
