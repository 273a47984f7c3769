"""The completion script in a real bash, on a terminal: bash cuts words at colons by itself."""

from __future__ import annotations

import os
import pty
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.git_repositories import ENVIRONMENT, GitRepository

SECONDS = 30
"""Until what is expected has to stand there."""
PROMPT = "> "


class Terminal:
    """A bash that somebody types into."""

    def __init__(self, folder: Path) -> None:
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PS1": PROMPT,
            "TERM": "dumb",
            "INPUTRC": os.devnull,
            "HOME": str(folder),
            **ENVIRONMENT,
        }
        self._process, self._file = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "-i"], environment)
        self.read(PROMPT)

    def read(self, end: str) -> str:
        """What stands there once that has come; all of it where it does not come."""
        text = ""
        while end not in text and select.select([self._file], [], [], SECONDS)[0]:
            text += os.read(self._file, 4096).decode()
        return text

    def type(self, text: str, *, end: str) -> str:
        """What stands there then."""
        os.write(self._file, text.encode())
        return self.read(end)

    def close(self) -> None:
        os.write(self._file, b"\x15exit\n")
        os.waitpid(self._process, 0)
        os.close(self._file)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    GitRepository(Path.cwd()).commit()
    made = Terminal(Path.cwd())
    made.type('eval "$(lmi-deploy completion bash)"; echo do""ne\n', end=f"done\r\n{PROMPT}")
    yield made
    made.close()


def test_bash_completes_revisions_and_profiles(terminal: Terminal):
    for typed, completed in (
        ("cha", "chat "),
        ("git:ma", "git:main "),
        ("git:main cha", "git:main chat "),
        ("gi", "git:"),
    ):
        line = f"lmi-deploy diff {completed}"
        assert terminal.type(f"lmi-deploy diff {typed}\t", end=line) == line
        terminal.type("\x15echo ne''xt\n", end=f"next\r\n{PROMPT}")
