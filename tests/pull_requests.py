"""A repository with a pull request, and a checkout of it as actions/checkout leaves one.

Real git, which reads no configuration of whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.edges.github_server import NUMBER, REPOSITORY
from tests.specs import PROFILE

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in {
            "NAME": "tests",
            "EMAIL": "tests@example.com",
            "DATE": "2026-01-05T09:00:00Z",
        }.items()
    },
}
CHAT = "profiles/chat.yaml"
Files = Mapping[str, str | None]
"""Path: content; None for a file that goes."""


def git(folder: Path, *words: str) -> str:
    """What git says; it has to succeed."""
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **GIT_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class PullRequest:
    """A repository whose `main` has profiles, and pull request 7 from a branch `change`."""

    folder: Path
    """For the repository, and the checkouts of it."""
    files: Files = field(default_factory=lambda: {CHAT: PROFILE})
    """What main begins with."""
    _checkouts: int = 0

    def __post_init__(self) -> None:
        self.upstream = self.folder / "upstream"
        self.upstream.mkdir(parents=True)
        git(self.upstream, "init", "--quiet", "--initial-branch=main")
        self.base = self._commit(self.files)
        git(self.upstream, "switch", "--quiet", "--create", "change")

    def push(self, files: Files) -> str:
        """A commit of the branch; its id."""
        git(self.upstream, "switch", "--quiet", "change")
        return self._commit(files)

    def push_to_main(self, files: Files) -> str:
        """A commit of somebody else, that the branch does not have."""
        git(self.upstream, "switch", "--quiet", "main")
        return self._commit(files)

    @property
    def head(self) -> str:
        """Where the branch is."""
        return git(self.upstream, "rev-parse", "change")

    def checkout(self, *, depth: int = 2) -> Path:
        """What a workflow has before it: the merge of the pull request, and not much history."""
        git(self.upstream, "switch", "--quiet", "--detach", "main")
        git(self.upstream, "merge", "--quiet", "--no-ff", "--message=Merge", "change")
        git(self.upstream, "update-ref", f"refs/pull/{NUMBER}/merge", "HEAD")
        self._checkouts += 1
        folder = self.folder / f"checkout-{self._checkouts}"
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "remote", "add", "origin", self.upstream.as_uri())
        merge = f"refs/remotes/pull/{NUMBER}/merge"
        fetched = f"+refs/pull/{NUMBER}/merge:{merge}"
        git(folder, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", fetched)
        git(folder, "checkout", "--quiet", "--force", merge)
        return folder

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
        for name, content in files.items():
            path = self.upstream / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        git(self.upstream, "add", "--all")
        git(self.upstream, "commit", "--quiet", "--message=change", "--allow-empty")
        return git(self.upstream, "rev-parse", "HEAD")
