"""Ask the server's own code anew and write tests/conformance/recorded/.

DJL_SERVING_REPOSITORY=/path/to/djl-serving python -m tests.conformance.record [VERSION...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance import recording
from tests.conformance.cases import Case
from tests.conformance.classify import Verdict
from tests.conformance.generate import foreign_keys_of, generate
from tests.conformance.oracle import Fields, Oracle, open_oracle, repository, tree_of
from tests.conformance.server_table import load_table
from tests.conformance.vllm_fields import vllm_fields_of

WORKERS = 2
SETTINGS = "properties_manager"
NOT_VLLM = 4
"""Other backends are asked about one in four of vLLM's own arguments."""


def all_fields(repo: Path) -> dict[str, Fields]:
    """The settings classes of every version."""
    found = {}
    for version in load_table().order:
        with open_oracle(repo, version) as oracle:
            found[version] = oracle.fields()
    return found


def judged(
    oracle: Oracle, fields: dict[str, Fields], *, depth: int = 1
) -> Iterator[tuple[Case, Verdict]]:
    """Every generated case of one version with a verdict; those left open are dropped."""
    table = load_table()
    every = foreign_keys_of(fields.values())
    vllm_keys = sorted(oracle.vllm_fields or ())
    for row in table.backends_of(oracle.version):
        is_vllm = "VllmRbProperties" in row.classes
        foreign = every | dict.fromkeys(vllm_keys[:: 1 if is_vllm else NOT_VLLM], "text")
        cases = generate(table, row, oracle.version, fields[oracle.version], foreign, depth=depth)
        for case, verdict in zip(cases, oracle.judge(cases), strict=True):
            if verdict is not None:
                yield case, verdict


def record(repo: Path, version: str, fields: dict[str, Fields], trees: dict[str, str]) -> int:
    """Write the recording of one version; how many cases it has."""
    table = load_table()
    with open_oracle(repo, version, vllm_fields_of) as oracle:
        kept = [
            pair
            for number, pair in enumerate(judged(oracle, fields))
            if recording.is_kept(table, version, number, trees)
        ]
    header = recording.Header(
        version=version,
        tree=tree_of(repo, version),
        vllm_fields=vllm_fields_of(version) is not None,
    )
    recording.write(header, kept)
    return len(kept)


def main(arguments: Sequence[str]) -> int:
    """Record the versions named, or all of them."""
    repo = repository()
    if repo is None:
        sys.stderr.write("DJL_SERVING_REPOSITORY is not set\n")
        return 2
    fields = all_fields(repo)
    trees = {version: tree_of(repo, version, SETTINGS) for version in load_table().order}
    versions = arguments or load_table().order
    with ThreadPoolExecutor(WORKERS) as pool:
        counts = pool.map(lambda version: record(repo, version, fields, trees), versions)
        for version, count in zip(versions, counts, strict=True):
            size = recording.path_of(version).stat().st_size
            sys.stdout.write(f"{version}  {count} cases  {size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
