"""Whole files: what is said of them, and what their hardware profiles are to one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer import api
from lmi_deployer.findings import ProfileError
from tests.specs import PROFILE

CLASH = PROFILE + "  g5b: {extends: g5}\ndefaults: {endpoint: {name: chat}}\n"


def test_hardware_profiles_that_would_fight_over_one_endpoint_are_lmi501(tmp_path: Path):
    path = tmp_path / "chat.yaml"
    path.write_text(CLASH)
    findings = [finding for item in api.check_file(path) for finding in item.findings]
    (clash,) = [finding for finding in findings if finding.code == "LMI501"]
    assert "g5 and g5b both deploy as chat" in clash.problem
    with pytest.raises(ProfileError, match="LMI501"):
        api.decide(str(path), ["all"])
    assert len(api.decide(str(path), ["g5"])) == 1


def test_a_file_that_cannot_be_read_is_a_finding_and_not_the_end(tmp_path: Path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: \xe9")
    (checked,) = api.check_file(path)
    assert [finding.code for finding in checked.findings] == ["LMI001"]
