"""What lint says of settings is what the server's own code says of them."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from lmi_deployer.catalog.versions import versions_in
from tests.conformance import recording, report
from tests.conformance.compare import Comparison, compare
from tests.conformance.known import KnownRow, every, known, without_known
from tests.conformance.oracle import open_oracle, repository, tree_of
from tests.conformance.record import all_fields, judged
from tests.conformance.server_table import load_table
from tests.conformance.vllm_fields import vllm_fields_of

REPOSITORY = repository()
SHARE = int(os.environ.get("CONFORMANCE_SHARE", "4"))
"""One recorded case in so many is compared, and other ones in the next version."""
DEPTH = int(os.environ.get("CONFORMANCE_DEPTH", "0"))
"""How deep a fresh generation goes; 0 asks about the recorded cases alone."""

needs_the_server = pytest.mark.skipif(
    REPOSITORY is None, reason="DJL_SERVING_REPOSITORY names no repository of djl-serving"
)


def _explained(comparison: Comparison) -> str:
    lines = list(report.disagreement_table(comparison))
    return "\n".join([*report.agreement_table(comparison), "", *lines[:40]])


@pytest.mark.parametrize(("number", "version"), [*enumerate(recording.recorded_versions())])
def test_lint_agrees_with_the_recorded_verdicts_of_the_server(number, version):
    cases = islice(recording.read(version), number % SHARE, None, SHARE)
    comparison = without_known(compare(cases))
    assert not comparison.groups, _explained(comparison)


@pytest.mark.parametrize("row", known(), ids=lambda row: f"{row.backend}-{row.key}")
def test_a_known_disagreement_is_still_there(row: KnownRow):
    versions = versions_in(row.versions, load_table().order)
    recorded = (recording.read(version) for version in versions)
    pairs = (pair for cases in recorded for pair in cases if row.concerns(pair[0]))
    found = [case for _, group, case in every(compare(pairs)) if row.covers(group, case)]
    assert found, "known.yaml has a row that is no longer true"


def test_every_version_of_the_table_is_recorded():
    assert tuple(recording.recorded_versions()) == load_table().order


def test_nearly_all_backends_have_hundreds_of_recorded_cases():
    for version in ("0.25.0", "0.30.0", "0.36.0-lmi26"):
        counts = dict.fromkeys((row.backend for row in load_table().backends_of(version)), 0)
        for case, _ in recording.read(version):
            counts[case.backend] += 1
        assert min(counts.values()) > 500, (version, counts)


@needs_the_server
@pytest.mark.parametrize("version", load_table().order)
def test_the_recording_is_what_the_server_says_now(version):
    assert REPOSITORY is not None
    header = recording.read_header(version)
    assert header.tree == tree_of(REPOSITORY, version), "the branch has moved: record it again"
    cases, verdicts = zip(*recording.read(version), strict=True)
    with open_oracle(REPOSITORY, version, vllm_fields_of) as oracle:
        now = oracle.judge(cases)
    changed = [
        (case.backend, case.changes, recording.packed(then), now and recording.packed(now))
        for case, then, now in zip(cases, verdicts, now, strict=True)
        if now is None or recording.packed(then) != recording.packed(now)
    ]
    assert not changed, changed[:10]


@needs_the_server
@pytest.mark.skipif(not DEPTH, reason="CONFORMANCE_DEPTH is not set")
@pytest.mark.parametrize("version", load_table().order)
def test_lint_agrees_with_the_server_on_fresh_cases(version):
    assert REPOSITORY is not None
    fields = all_fields(REPOSITORY)
    with open_oracle(REPOSITORY, version, vllm_fields_of) as oracle:
        comparison = without_known(compare(judged(oracle, fields, depth=DEPTH)))
    assert not comparison.groups, _explained(comparison)
