"""Any input gets a verdict: findings that can be shown, or one error that a user can act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import models, targets
from tests.fuzz.generators import (
    ENVIRONMENT_FILES,
    FOLDERS,
    JSON_ENVIRONMENTS,
    ODD_VALUES,
    PROPERTIES_FILES,
    VALUES,
)

REGRESSIONS = Path(__file__).with_name("regressions")
quick = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(name, path.read_bytes(), id=f"{name}-{path.name}")
        for name in targets.TARGETS
        for path in sorted((REGRESSIONS / name).glob("*"))
    ],
)
def test_what_once_broke_it_gets_a_verdict(name: str, data: bytes):
    targets.TARGETS[name](data)


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
@quick
@given(data=st.binary(max_size=120))
def test_any_bytes_get_a_verdict(name: str, data: bytes):
    targets.TARGETS[name](data)


@quick
@given(PROPERTIES_FILES)
def test_a_file_of_real_and_odd_settings_gets_a_verdict(data: bytes):
    targets.properties(data)


@quick
@given(ENVIRONMENT_FILES | JSON_ENVIRONMENTS)
def test_an_environment_of_real_and_odd_variables_gets_a_verdict(data: bytes):
    targets.environment(data)


@quick
@given(FOLDERS)
def test_a_file_beside_an_environment_gets_a_verdict(data: bytes):
    targets.folder(data)


@quick
@given(models.CONFIGS | models.ODD_JSON.map(repr).map(str.encode))
def test_settings_for_any_model_get_a_verdict(data: bytes):
    targets.model_facts(data)


@quick
@given(models.profiles() | models.YAML_PIECES)
def test_any_profile_gets_a_verdict(data: bytes):
    targets.profile(data)


@quick
@given(VALUES.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_value_gets_a_verdict(data: bytes):
    targets.values(data)


@pytest.mark.parametrize("text", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_every_odd_value_gets_a_verdict_from_every_reader(text: str):
    targets.values(text.encode("utf-8", "surrogatepass"))
