"""A sandbox for a file of tests, and in it for each test one profile of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.backends import get_backend

from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import SandboxSettings
from tests.cli.conftest import Command
from tests.cli.deployed import Account, quick_sandbox
from tests.specs import PROFILE

TAGS = "    endpoint: {tags: {team: search}}\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    """One for all tests here, which keep out of each other's way by names."""
    with quick_sandbox(describes=0) as settings:
        yield settings


@pytest.fixture
def account(
    sandbox: SandboxSettings, lmi: Command, request: pytest.FixtureRequest
) -> Iterator[Account]:
    name = f"chat-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    Path("profiles/chat.yaml").unlink()
    Path(f"profiles/{name}.yaml").write_text(PROFILE.replace("name: chat", f"name: {name}") + TAGS)
    with announced(sandbox):
        account = Account(sandbox, lmi, name)
        account.ask("faults", "DELETE")
        account.ask("calls", "DELETE")
        yield account
    get_backend("sagemaker")[sandbox.account][sandbox.region].reset()


@pytest.fixture
def deployed(account: Account) -> Account:
    account.up()
    return account
