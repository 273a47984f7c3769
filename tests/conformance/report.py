"""Print, as Markdown, how far lint agrees with the server, and where it does not.

python -m tests.conformance.report [VERSION...]      from the recorded verdicts
DJL_SERVING_REPOSITORY=... python -m tests.conformance.report --fresh DEPTH [VERSION...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tests.conformance import recording
from tests.conformance.cases import Case
from tests.conformance.classify import Verdict
from tests.conformance.compare import Comparison, compare
from tests.conformance.oracle import open_oracle, repository
from tests.conformance.record import all_fields, judged
from tests.conformance.server_table import load_table
from tests.conformance.vllm_fields import vllm_fields_of

FRESH = "--fresh"


def recorded(versions: Sequence[str]) -> Iterator[tuple[Case, Verdict]]:
    """Every recorded case of these versions."""
    for version in versions:
        yield from recording.read(version)


def fresh(versions: Sequence[str], depth: int) -> Iterator[tuple[Case, Verdict]]:
    """Newly generated cases of these versions, judged by the server's own code now."""
    repo = repository()
    if repo is None:
        raise SystemExit("DJL_SERVING_REPOSITORY is not set")
    fields = all_fields(repo)
    for version in versions:
        with open_oracle(repo, version, vllm_fields_of) as oracle:
            yield from judged(oracle, fields, depth=depth)


def agreement_table(comparison: Comparison) -> Iterator[str]:
    """A row per version and backend."""
    yield "| version | backend | cases | agree | share |"
    yield "|---|---|--:|--:|--:|"
    for (version, backend), tally in comparison.tallies.items():
        share = 100 * tally.agreeing / tally.cases
        row = (version, backend, tally.cases, tally.agreeing, f"{share:.1f} %")
        yield "| " + " | ".join(map(str, row)) + " |"


def disagreement_table(comparison: Comparison) -> Iterator[str]:
    """A row per kind of disagreement, the most frequent first."""
    table = load_table()
    yield "| cases | versions | backend | key | server | lint | for example |"
    yield "|--:|---|---|---|---|---|---|"
    for group in comparison.worst_first():
        case = group.shortest()
        example = " ".join(f"{key}={value}" for key, value in case.changes.items())
        row = (
            group.count(),
            group.versions(table),
            group.backend,
            f"`{group.key}`",
            group.expected,
            group.got,
            f"`{example}` on {case.version}, {case.devices} devices",
        )
        yield "| " + " | ".join(map(str, row)).replace("\n", " ") + " |"


def main(arguments: Sequence[str]) -> int:
    """Print both tables; 1 when there is any disagreement."""
    depth = 0
    if arguments[:1] == [FRESH]:
        depth, arguments = int(arguments[1]), arguments[2:]
    versions = arguments or recording.recorded_versions()
    comparison = compare(fresh(versions, depth) if depth else recorded(versions))
    lines = [*agreement_table(comparison), "", *disagreement_table(comparison)]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(comparison.groups))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
