from __future__ import annotations

import pytest

from lmi_deployer.request_words import below


@pytest.mark.parametrize("name", ["InstanceType", "HF_HOME", "sagemaker.tag", "al2-ami"])
def test_a_name_that_reads_well_extends_a_path_after_a_dot(name: str) -> None:
    assert below("", name) == name
    assert below("Containers[0]", name) == f"Containers[0].{name}"


@pytest.mark.parametrize("key", [":", "", "two words", "a[0]", "line\n"])
def test_a_key_that_would_not_read_well_in_a_path_is_quoted(key: str) -> None:
    assert below("Environment", key) == f"Environment[{key!r}]"


def test_a_very_long_key_is_cut_short_in_a_path() -> None:
    assert below("Environment", "K" * 129) == f"Environment['{'K' * 80}...']"
