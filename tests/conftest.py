"""What tests of several folders share: the golden files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "--update-golden"


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
