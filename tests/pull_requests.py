"""A repository with a pull request, and a checkout of it as actions/checkout leaves one.

Real git, which reads no configuration of whoever runs the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.edges.git_repositories import GitRepository
from tests.edges.github_server import NUMBER, REPOSITORY
from tests.specs import PROFILE

CHAT = "profiles/chat.yaml"
LARGER = PROFILE.replace("g5.2xlarge", "g5.12xlarge")
BROKEN = PROFILE.replace("backend:", "bakend:")
Files = Mapping[str, str | None]
"""Path: content; None for a file that goes."""


@dataclass
class PullRequest:
    """A repository whose `main` has profiles, and pull request 7 from a branch `change`."""

    folder: Path
    """For the repository, and the checkouts of it."""
    files: Files = field(default_factory=lambda: {CHAT: PROFILE})
    """What main begins with."""
    _checkouts: int = 0

    def __post_init__(self) -> None:
        self.upstream = GitRepository(self.folder / "upstream")
        self.base = self._commit(self.files)
        self.upstream.branch("change")

    def push(self, files: Files) -> str:
        """A commit of the branch; its id."""
        self.upstream.git("switch", "--quiet", "change")
        return self._commit(files)

    def push_to_main(self, files: Files) -> str:
        """A commit of somebody else, that the branch does not have."""
        self.upstream.git("switch", "--quiet", "main")
        return self._commit(files)

    @property
    def head(self) -> str:
        """Where the branch is."""
        return self.upstream.git("rev-parse", "change")

    def checkout(self, *, depth: int = 2) -> Path:
        """What a workflow has before it: the merge of the pull request, and not much history."""
        self.upstream.git("switch", "--quiet", "--detach", "main")
        self.upstream.git("merge", "--quiet", "--no-ff", "--message=Merge", "change")
        self.upstream.git("update-ref", f"refs/pull/{NUMBER}/merge", "HEAD")
        self._checkouts += 1
        clone = GitRepository(self.folder / f"checkout-{self._checkouts}")
        clone.git("remote", "add", "origin", self.upstream.folder.as_uri())
        merge = f"refs/remotes/pull/{NUMBER}/merge"
        fetched = f"+refs/pull/{NUMBER}/merge:{merge}"
        clone.git("fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", fetched)
        clone.git("checkout", "--quiet", "--force", merge)
        return clone.folder

    def variables(self, url: str) -> dict[str, str]:
        """What GitHub Actions says of the run, with its API at an address."""
        event = self.folder / "event.json"
        pull = {
            "number": NUMBER,
            "base": {"ref": "main", "sha": self.base},
            "head": {"ref": "change", "sha": self.head},
        }
        event.write_text(json.dumps({"action": "synchronize", "pull_request": pull}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": url,
            "GITHUB_GRAPHQL_URL": f"{url}/graphql",
            "GITHUB_BASE_REF": "main",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_HEAD_REF": "change",
            "GITHUB_REF": f"refs/pull/{NUMBER}/merge",
            "GITHUB_REPOSITORY": REPOSITORY,
        }

    def _commit(self, files: Files) -> str:
        for name in [name for name, content in files.items() if content is None]:
            (self.upstream.folder / name).unlink()
        kept: dict[str, str | bytes] = {
            name: content for name, content in files.items() if content is not None
        }
        return self.upstream.commit(kept)
