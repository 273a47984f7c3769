"""What tests of several folders share: the golden files, and one valid profile to change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmi_deployer.spec import ResolvedSpec

PROFILE = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  g5:
    instance_type: ml.g5.2xlarge
    backend: lmi-dist
"""
"""A profile without errors or warnings; tests add lines to its end, or replace one."""

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "--update-golden"


def make_spec(*overrides: str, text: str = PROFILE, hardware: str = "g5") -> ResolvedSpec:
    """The spec of PROFILE, or of another text, with `--set` overrides."""
    return resolve(merge(load_profile(text, "chat.yaml"), hardware, overrides))


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
