"""The recipes of docs/ci that review profiles, run line by line as their services run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from tests.edges.git_repositories import ENVIRONMENT, GitRepository
from tests.edges.loopback import serving
from tests.pull_requests import BROKEN, CHAT
from tests.specs import PROFILE

ROOT = Path(__file__).parents[2]
TOKEN = "glpat-" + "x" * 20
SMALLER = f"{PROFILE}    max_rolling_batch_size: 4\n"
RENAMED = f"{PROFILE}    endpoint: {{name: another}}\n"
NOTES = "/projects/7/merge_requests/3/notes"


@dataclass
class Forge:
    """The notes of one merge request, and what was asked of them."""

    url: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def add(self, body: str, *, author: int) -> dict[str, Any]:
        note = {"id": 1 + len(self.notes), "body": body, "author": {"id": author}}
        self.notes.append(note)
        return note


PAGE = 2
"""Notes on one page."""
OWN, OTHER = 5, 6
"""Who writes with the token, and somebody else."""


class Handler(BaseHTTPRequestHandler):
    """GitLab's API, as far as the recipe uses it: "Notes API" and "Users API" of its docs."""

    forge: Forge

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, content: object, status: int = 200, next_page: str = "") -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Next-Page", next_page)
        self.end_headers()
        self.wfile.write(body)

    def _is_allowed(self) -> bool:
        self.forge.calls.append(f"{self.command} {self.path.partition('?')[0]}")
        if self.headers["PRIVATE-TOKEN"] == TOKEN:
            return True
        self._answer({"message": "401 Unauthorized"}, 401)
        return False

    def _body(self) -> str:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return parse_qs(sent, strict_parsing=True)["body"][0]

    def do_GET(self) -> None:
        if not self._is_allowed():
            return
        if self.path == "/user":
            self._answer({"id": OWN})
            return
        page = int(parse_qs(self.path.partition("?")[2])["page"][0])
        rest = self.forge.notes[page * PAGE :]
        shown = self.forge.notes[(page - 1) * PAGE : page * PAGE]
        self._answer(shown, next_page=str(page + 1) if rest else "")

    def do_POST(self) -> None:
        body = self._body()
        if self._is_allowed():
            self._answer(self.forge.add(body, author=OWN), 201)

    def do_PUT(self) -> None:
        body = self._body()
        if self._is_allowed():
            number = int(self.path.rpartition("/")[2])
            note = next(note for note in self.forge.notes if note["id"] == number)
            note["body"] = body
            self._answer(note)


@pytest.fixture
def forge() -> Iterator[Forge]:
    made = Forge()
    for number in range(3):
        made.add(f"looks good {number}", author=OTHER)
    handler = type("Bound", (Handler,), {"forge": made})
    with serving(handler) as made.url:
        yield made


@pytest.fixture
def branch(tmp_path: Path) -> GitRepository:
    """A branch of a repository with one profile on its main branch."""
    made = GitRepository(tmp_path / "models")
    made.commit({CHAT: PROFILE})
    made.branch("change")
    made.commit({CHAT: SMALLER})
    return made


def _run(branch: GitRepository, *command: str, **variables: str) -> CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(branch.folder.parent), **ENVIRONMENT, **variables}
    return subprocess.run(
        command,
        cwd=branch.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _gitlab(branch: GitRepository, forge: Forge, **variables: str) -> CompletedProcess[str]:
    """The lines of the job, as a runner runs them: one bash, the first failure ends it."""
    document = yaml.safe_load((ROOT / "docs/ci/gitlab-review.yml").read_text())
    job = document["review-profiles"]
    assert job["before_script"] == ["pip install lmi-deploy"]  # it is installed
    done = _run(
        branch,
        "bash",
        "-eo",
        "pipefail",
        "-c",
        "\n".join(job["script"]),
        CI_API_V4_URL=forge.url,
        CI_PROJECT_ID="7",
        CI_MERGE_REQUEST_IID="3",
        CI_MERGE_REQUEST_DIFF_BASE_SHA=branch.git("merge-base", "main", "HEAD"),
        **{name: str(value) for name, value in job["variables"].items()},
        **variables,
    )
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_gitlab_takes_the_recipe():
    file = str(ROOT / "docs/ci/gitlab-review.yml")
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", file]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_gitlab_keeps_one_note_on_the_merge_request(branch: GitRepository, forge: Forge):
    done = _gitlab(branch, forge, GITLAB_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert "max_rolling_batch_size" in done.stdout
    marker, _, told = forge.notes[3]["body"].partition("\n")
    assert marker == "<!-- lmi-deploy review: profiles -->"
    assert "max_rolling_batch_size" in told
    forge.notes.insert(0, {"id": 100, "body": f"{marker}\nmine", "author": {"id": OTHER}})
    branch.commit({CHAT: PROFILE})
    assert _gitlab(branch, forge, GITLAB_TOKEN=TOKEN).returncode == 0
    assert [note["id"] for note in forge.notes] == [100, 1, 2, 3, 4]
    assert forge.notes[0]["body"] == f"{marker}\nmine"
    assert "no differences" in forge.notes[4]["body"]
    assert forge.calls == [
        "GET /user", f"GET {NOTES}", f"GET {NOTES}", f"POST {NOTES}",
        "GET /user", f"GET {NOTES}", f"GET {NOTES}", f"GET {NOTES}", f"PUT {NOTES}/4",
    ]  # fmt: skip


def test_gitlab_writes_no_note_where_nothing_has_an_effect(branch: GitRepository, forge: Forge):
    branch.commit({CHAT: f"# a comment\n{PROFILE}"})
    assert _gitlab(branch, forge, GITLAB_TOKEN=TOKEN).returncode == 0
    assert len(forge.notes) == 3


def test_gitlab_fails_the_job_where_the_endpoint_would_be_replaced_and_needs_no_token(
    branch: GitRepository, forge: Forge
):
    branch.commit({CHAT: RENAMED})
    assert _gitlab(branch, forge).returncode == 4
    assert (branch.folder / "profile-diff.html").read_text().startswith("<!")
    assert forge.calls == []


@pytest.mark.parametrize(
    ("text", "status"), [(SMALLER, 0), (RENAMED, 4), (BROKEN, 2)], ids=["fine", "gate", "invalid"]
)
def test_the_plain_shell_script_ends_with_what_it_found(
    branch: GitRepository, text: str, status: int
):
    branch.commit({CHAT: f"# another commit\n{text}"})
    done = _run(branch, "sh", str(ROOT / "docs/ci/review.sh"), "main")
    assert done.returncode == status, done.stderr
    assert "profiles/chat.yaml" in (branch.folder / "profile-diff.md").read_text()
    assert "profiles/chat.yaml" in (branch.folder / "profile-diff.html").read_text()
