"""Tables of `auto` against the settings that LMI's guides publish, next to the usual rules.

    python -m benchmarks.accuracy.tuning [--observations FOLDER]

Degree and batch are decided by the model alone, as for a model that nobody has published; the last
column looks published rows up, as it ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.accuracy.observations import Observations, OutOfScope
from benchmarks.accuracy.table import Table, target
from benchmarks.accuracy.tuning_cases import (
    TuningCase,
    guide_batch,
    guide_cases,
    instance_cases,
    usual_batch,
    usual_degree,
)

OBSERVATIONS = Path(__file__).parents[1] / "observations"
NEURON = "neuronx"
DEGREES_IN_27, BATCHES_IN_27 = 26, 25
"""Targets, for 27 rows on GPUs."""
Judge = Callable[[TuningCase], bool]


def tables(observations: Observations) -> Iterator[Table]:
    """The tables of a folder of observations, and of the rows that the catalog carries."""
    cases, problems = _judged(guide_cases(observations))
    yield _summary(cases, problems)
    yield _rows(cases)
    suggested, problems = _judged(instance_cases(observations))
    if suggested:
        yield _instances(suggested, problems)


def _judged(cases: Sequence[TuningCase]) -> tuple[list[TuningCase], list[str]]:
    """The cases for which something can be decided, and what stands against the others."""
    good, problems = [], []
    for case in cases:
        try:
            _ = case.own, case.looked_up
        except OutOfScope as reason:
            problems.append(f"nothing decided for {case.title}: {reason}")
        else:
            good.append(case)
    return good, problems


def _batch(case: TuningCase) -> int:
    return case.own.max_rolling_batch_size or 1


def _summary(cases: Sequence[TuningCase], problems: Sequence[str]) -> Table:
    """How many are right, by backend."""
    judges: tuple[Judge, ...] = (
        lambda case: case.is_degree(case.own.tensor_parallel_degree),
        lambda case: case.is_degree(usual_degree(case)),
        lambda case: case.is_near(_batch(case)),
        lambda case: case.is_near(usual_batch(case)),
        lambda case: case.is_near(guide_batch(case)),
        _is_exact,
    )
    groups = {name: [case for case in cases if case.backend == name] for name in _backends(cases)}
    on_gpus = [case for case in cases if case.backend != NEURON]
    groups["all on GPUs"] = on_gpus
    rows = []
    for name, members in groups.items():
        counts = [sum(judge(case) for case in members) for judge in judges]
        rows.append([name, str(len(members)), *(f"{count}" for count in counts)])
    degrees, _, batches, *_, exact = (sum(judge(case) for case in on_gpus) for judge in judges)
    whole = sum(case.degree == _whole_machine(case) for case in on_gpus)
    size = len(on_gpus)
    return Table(
        title="Published tuning rows: degree and batch by the model alone",
        columns=("backend", "rows", "degree", "SDK's degree", "batch within 2x",
                 "container's batch", "guide's formula", "looked up"),
        rows=rows,
        about="Rows of LMI's tuning guides (0.26.0) that are right. The SDK takes the largest "
        "number of devices that divides the heads; the container has one batch for all; the "
        "guide's formula ignores grouped heads and activations.",
        notes=(
            target(degrees * 27 >= DEGREES_IN_27 * size, f"degree right in {degrees} of {size}"),
            target(batches * 27 >= BATCHES_IN_27 * size,
                   f"batch within two times in {batches} of {size}"),
            target(exact == size, f"degree and batch exact in {exact} of {size} when looked up"),
            ("no constant is fitted to these rows: the largest batches that are tried are those of "
            "other documents, and the rest is memory. One rule was chosen with the rows in view: "
            "DeepSpeed, whose documented default is one GPU, gets as few as leave half of each "
            "free; a third to 0.55 would do the same. With all GPUs for it too, "
            f"{whole} of {size} degrees are right"),
            *problems,
        ),
    )  # fmt: skip


def _backends(cases: Sequence[TuningCase]) -> list[str]:
    return list(dict.fromkeys(case.backend for case in cases))


def _is_exact(case: TuningCase) -> bool:
    spec = case.looked_up
    return case.is_degree(spec.tensor_parallel_degree) and case.batches == (
        spec.max_rolling_batch_size,
        spec.max_rolling_batch_size,
    )


def _whole_machine(case: TuningCase) -> int:
    """The degree that a rule without DeepSpeed's exception would take."""
    return case.devices if case.backend == "deepspeed" else case.own.tensor_parallel_degree


def _rows(cases: Sequence[TuningCase]) -> Table:
    """Every row, with what is off named."""
    rows, misses = [], []
    for case in cases:
        spec, memory = case.own, case.own.memory
        degree, batch = spec.tensor_parallel_degree, _batch(case)
        right = case.is_degree(degree), case.is_near(batch)
        rows.append([
            case.title,
            f"{case.degree}",
            f"{degree}{'' if right[0] else ' (off)'}",
            f"{case.batches[0]}",
            f"{batch}{'' if right[1] else ' (off)'}",
            "-" if memory is None else f"{memory.max_sequences}",
        ])  # fmt: skip
        if not right[0]:
            misses.append(f"{case.title}: degree {degree} instead of {case.degree}")
        if not right[1]:
            misses.append(f"{case.title}: batch {batch} instead of {case.batches[0]}")
    return Table(
        title="Published tuning rows, one by one",
        columns=("row", "degree", "ours", "batch", "ours", "sequences that fit"),
        rows=rows,
        about="Sequences of full length that the cache holds with our degree and batch.",
        notes=misses,
    )


def _instances(cases: Sequence[TuningCase], problems: Sequence[str]) -> Table:
    """The suggested ranges of batches, for requests of 1024 + 512 tokens."""
    ours = sum(case.is_near(_batch(case)) for case in cases)
    default = sum(case.is_near(usual_batch(case)) for case in cases)
    degrees = sum(case.is_degree(case.own.tensor_parallel_degree) for case in cases)
    return Table(
        title="Batches that the guide to instance types suggests",
        columns=("row", "backend", "degree", "ours", "suggested", "ours"),
        rows=[
            [
                case.title.partition(": ")[2],
                case.own.backend,
                str(case.degree),
                str(case.own.tensor_parallel_degree),
                f"{case.batches[0]} to {case.batches[1]}",
                f"{_batch(case)}{'' if case.is_near(_batch(case)) else ' (off)'}",
            ]
            for case in cases
        ],
        about="The guide states no lengths; here every request has 1024 + 512 tokens.",
        notes=(
            (
                f"within two times of the range: {ours} of {len(cases)}; the container's own "
                f"batch: {default} of {len(cases)}"
            ),
            (
                f"all GPUs of the machine, which the guide takes for granted: {degrees} of "
                f"{len(cases)}"
            ),
            *problems,
        ),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="`auto` against published settings.")
    parser.add_argument("--observations", type=Path, default=OBSERVATIONS, metavar="FOLDER")
    for table in tables(Observations(parser.parse_args().observations)):
        print(table.markdown())


if __name__ == "__main__":
    main()
