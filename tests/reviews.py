"""Reviews of one pull request, and what each of them leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Outcome
from tests.edges.actions_runner import file_commands
from tests.edges.git_repositories import isolated
from tests.edges.github_server import NUMBER, TOKEN, GitHubServer
from tests.pull_requests import PullRequest


class Review:
    """A pull request, and what reviews of it leave."""

    def __init__(
        self, folder: Path, github: GitHubServer, lmi: Command, patch: pytest.MonkeyPatch
    ) -> None:
        self.pull = PullRequest(folder / "git")
        self.github, self.lmi, self.patch, self.folder = github, lmi, patch, folder
        isolated(patch)
        patch.setenv("GITHUB_TOKEN", TOKEN)

    def __call__(self, *options: str, depth: int = 2) -> Outcome:
        """Review what the branch has now."""
        self.tell({})
        for name in ("OUTPUT", "STEP_SUMMARY"):
            path = self.folder / name
            path.write_text("")
            self.patch.setenv(f"GITHUB_{name}", str(path))
        self.patch.chdir(self.pull.checkout(depth=depth))
        done = self.lmi("review", *options)
        assert TOKEN not in done.out + done.err + self.summary
        return done

    def tell(self, variables: Mapping[str, str]) -> None:
        """Say what GitHub Actions says of a run, with some of it otherwise."""
        told = {**self.pull.variables(self.github.url), **variables}
        for name, value in told.items():
            self.patch.setenv(name, value)

    @property
    def outputs(self) -> dict[str, str]:
        return file_commands((self.folder / "OUTPUT").read_text())

    @property
    def summary(self) -> str:
        return (self.folder / "STEP_SUMMARY").read_text()

    @property
    def comments(self) -> list[str]:
        return [item["body"] for item in self.github.of(NUMBER)]
