"""Tables of what is known to run or to fail, against the verdict of sizing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.accuracy.cache_cases import GIB
from benchmarks.accuracy.fit_cases import FitCase, fit_cases
from benchmarks.accuracy.observations import Observations, Row
from benchmarks.accuracy.statistics_of import grouped, of
from benchmarks.accuracy.table import Table, target
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.measuring import needed_cache_bytes

_NOT_SCHEDULED = "ci-test-inactive"


def tables(observations: Observations) -> list[Table]:
    """Runs called impossible, and failures caught or not."""
    return [*run_tables(observations), *failure_tables(observations)]


def run_tables(observations: Observations) -> list[Table]:
    """Configurations that run, by engine and by evidence."""
    cases, skipped = fit_cases(observations, lambda row: row["outcome"] in {"runs", "recommended"})
    known = [case for case in cases if case.row["evidence"] != _NOT_SCHEDULED]
    if not known:
        return []
    rows = []
    sections = [
        *(("engine " + case.setup.engine, case) for case in known),
        *(("evidence " + case.row["evidence"], case) for case in known),
        *(("family " + case.setup.shape.model_type, case) for case in known),
        *(("card " + case.setup.gpu.name, case) for case in known),
    ]
    order = [*grouped(sections).items(), ("**all**", known)]
    for name, found in order:
        refused = [case for case in found if case.memory.verdict == "does_not_fit"]
        tight = [case for case in found if case.memory.verdict == "tight"]
        alone = sum(not _weights_fit(case) for case in found)
        guide = sum(not _guide_fits(case) for case in found)
        rows.append((name, str(len(found)), str(len(refused)), str(len(tight)), str(alone),
                     str(guide)))  # fmt: skip
    refused = [case for case in known if case.memory.verdict == "does_not_fit"]
    idle = [case for case in cases if case.row["evidence"] == _NOT_SCHEDULED]
    notes = [
        target(20 * len(refused) <= len(known), f"{of(len(refused), len(known))} configurations "
               "known to run are called impossible; at most 1 in 20 is asked"),
        *(f"called impossible: {_needs(case)}" for case in refused),
        *(f"called tight: {_needs(case)}" for case in known if case.memory.verdict == "tight"),
    ]  # fmt: skip
    if idle:
        wrong = sum(case.memory.verdict == "does_not_fit" for case in idle)
        notes.append(
            f"not counted: {len(idle)} tests whose class was never scheduled, {wrong} of them "
            "called impossible"
        )
    notes += _skips(skipped)
    return [
        Table(
            "Configurations known to run",
            ("rows", "count", "called impossible", "called tight",
             "weights > 0.9 of the card", "LMI guide: no room for one sequence"),
            rows,
            "A row runs in the CI of djl-serving, in a tuning guide, or in a user's report; "
            "the recommended rows of the instance guide are among them.",
            notes,
        )
    ]  # fmt: skip


def failure_tables(observations: Observations) -> list[Table]:
    """Reported failures, by kind."""
    cases, skipped = fit_cases(
        observations, lambda row: row["outcome"] in {"oom", "kv_too_small", "invalid"}
    )
    if not cases and not skipped:
        return []
    rows = []
    for kind, found in grouped((case.row["outcome"], case) for case in cases).items():
        rows.append((kind, *_caught(found)))
        if kind == "oom":
            for name, some in grouped((case.setup.engine, case) for case in found).items():
                rows.append((f"{kind}, {name}", *_caught(some)))
    missed = [case for case in cases if case.memory.verdict != "does_not_fit"]
    notes = _failure_targets(cases)
    notes += [f"not caught: {_needs(case)}; {case.row['note'] or 'no cause given'}"
              for case in missed]  # fmt: skip
    notes += _skips(skipped)
    return [
        Table(
            "Reported failures",
            ("kind", "rows", "called impossible", "called tight", "weights > 0.9 of the card",
             "LMI guide: no room for one sequence"),
            rows,
            "A cache too small for one sequence of the length limit, or memory that ran out.",
            notes,
        )
    ]  # fmt: skip


def _caught(cases: Sequence[FitCase]) -> tuple[str, ...]:
    verdicts = Counter(case.memory.verdict for case in cases)
    alone = sum(not _weights_fit(case) for case in cases)
    guide = sum(not _guide_fits(case) for case in cases)
    return (str(len(cases)), str(verdicts["does_not_fit"]), str(verdicts["tight"]), str(alone),
            str(guide))  # fmt: skip


def _failure_targets(cases: Sequence[FitCase]) -> list[str]:
    notes = []
    for kind, share in (("kv_too_small", 1.0), ("oom", 0.5)):
        found = [case for case in cases if case.row["outcome"] == kind]
        caught = sum(case.memory.verdict == "does_not_fit" for case in found)
        if found:
            asked = "all are" if share == 1.0 else "half are"
            text = f"{kind}: {of(caught, len(found))} called impossible; {asked} asked"
            notes.append(target(caught >= share * len(found), text))
    return notes


def _needs(case: FitCase) -> str:
    """What a configuration would need, and what there is."""
    memory = case.memory
    needed = needed_cache_bytes(case.setup, engine_memory(case.setup))
    parts = [
        f"weights {memory.weights_bytes / GIB:.1f}",
        f"activations {memory.activation_bytes / GIB:.1f}",
        f"overhead {memory.overhead_bytes / GIB:.1f}",
        f"cache {needed / GIB:.1f}",
    ]
    return f"{case.name}: {', '.join(parts)} of {memory.usable_bytes / GIB:.1f} GiB"


def _weights_fit(case: FitCase) -> bool:
    return case.memory.weights_bytes <= 0.9 * case.memory.usable_bytes


def _guide_fits(case: FitCase) -> bool:
    """2 x bytes x layers x hidden size for each token of one sequence, beside the weights."""
    shape, setup = case.setup.shape, case.setup
    token = 2 * 2 * shape.num_hidden_layers * shape.hidden_size / setup.tensor_parallel_degree
    tokens = setup.max_input_len + setup.max_output_len
    return case.memory.weights_bytes + token * tokens <= 0.9 * case.memory.usable_bytes


def _skips(skipped: Sequence[tuple[Row, str]]) -> list[str]:
    reasons = Counter(
        f"{reason}" if row["hf_id"] else f"no model id ({row['evidence']})"
        for row, reason in skipped
    )
    return [f"out of scope: {count} x {reason}" for reason, count in reasons.most_common()]
