"""What tests of several folders share: a plain environment, golden files, how much is generated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "--update-golden"
_OF_THE_MACHINE = ("AWS_", "GITHUB_", "LMI_DEPLOY_", "COLUMNS", "FORCE_COLOR", "NO_COLOR")
"""Beginnings of variables that would decide what commands do, and are nothing of the tests'."""
_OF_THE_TESTS = {"LMI_DEPLOY_REQUIRE_BROWSER"}
"""What whoever runs the tests says to them."""
for _name in set(os.environ) - _OF_THE_TESTS:
    if _name.startswith(_OF_THE_MACHINE) or _name.lower().endswith("_proxy"):
        del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["LMI_DEPLOY_PRICES"] = ""  # no price list of the user's own

# A slow machine is no bug, so no example has a deadline. The quick tests take the same examples
# every time, so that a run says something about the change at hand; HYPOTHESIS_PROFILE=wide looks
# for new ones.
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _ANY_MACHINE, max_examples=50, derandomize=True)
settings.register_profile("wide", _ANY_MACHINE, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(UPDATE, action="store_true", help="Rewrite tests/golden/ from what is made.")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name under tests/golden, byte for byte."""
    is_update = bool(request.config.getoption(UPDATE))
    nodeid = request.node.nodeid.partition("[")[0]

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        content = text.encode()
        if is_update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return
        if not path.is_file():
            pytest.fail(f"there is no tests/golden/{name}; pytest {UPDATE} '{nodeid}' makes it")
        assert content.decode() == path.read_bytes().decode(), f"pytest {UPDATE} '{nodeid}'"

    return compare
