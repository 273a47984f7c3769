"""The server's own release tests and documentation are the measure: what they write is right.

Where it is not, expected.yaml says why; recorded.json comes from extract.py.
"""

from __future__ import annotations

import pytest

from tests.published import verdicts

VERSIONS = [version for version in verdicts.span("all") if version in verdicts.recorded()]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_authors_of_the_server_publish_passes(version):
    unexplained = [
        str(found)
        for found in verdicts.findings(version)
        if not any(row.covers(found) for row in verdicts.expected())
    ]
    assert unexplained == []


@pytest.mark.parametrize("row", verdicts.expected(), ids=lambda row: f"{row.code}-{row.key}")
def test_every_explained_finding_is_found_in_the_first_and_the_last_version_it_names(row):
    versions = verdicts.span(row.versions)
    for version in {versions[0], versions[-1]}:
        assert any(row.covers(found) for found in verdicts.findings(version)), version


def test_only_versions_newer_than_the_last_branch_have_nothing_recorded():
    assert tuple(VERSIONS) == verdicts.span("all")[: len(VERSIONS)]


def test_what_a_release_test_expects_to_fail_is_an_error():
    (failing,) = (
        published
        for published in verdicts.recorded()[VERSIONS[-1]]
        if published.name == "vllm_async/llama3-8b-lmcache-missing-role"
    )
    assert [issue.key for issue in verdicts.linted(failing) if issue.severity == "error"]
