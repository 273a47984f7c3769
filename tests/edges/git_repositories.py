"""Real git repositories for tests, which neither read nor change anything of the user's git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "author",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "committer",
    "GIT_COMMITTER_EMAIL": "committer@example.org",
    "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
}


def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process, and the git that it starts, the same plain surroundings."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str, given: bytes | None = None) -> str:
    """What a git command prints; it has to succeed."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**plain, **ENVIRONMENT},
        input=given,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, f"git {arguments[0]}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


class GitRepository:
    """A repository in a folder, made by git itself."""

    def __init__(self, folder: Path, *options: str, branch: str = "main") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", f"--initial-branch={branch}", *options)

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        """What a git command prints; it has to succeed."""
        return git(self.folder, *arguments, given=given)

    def write(self, path: str, content: str | bytes) -> Path:
        """Put a file into the work tree."""
        full = self.folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content.encode() if isinstance(content, str) else content)
        return full

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "change") -> str:
        """Write files, and commit the whole work tree; the id of the commit."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Go on with a new branch from here."""
        self.git("checkout", "--quiet", "-b", name)

    def cloned(self, folder: Path, *options: str) -> GitRepository:
        """A clone over the file protocol, as a remote one is made."""
        self.git("clone", "--quiet", *options, f"file://{self.folder}", str(folder))
        clone = GitRepository.__new__(GitRepository)
        clone.folder = folder
        return clone
