"""The recipes of docs/ci that review profiles, run line by line as their services run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from tests.specs import PROFILE

ROOT = Path(__file__).parents[2]
TOKEN = "glpat-" + "x" * 20
NOTES = "/projects/7/merge_requests/3/notes"


@dataclass
class Forge:
    """The notes of one merge request, and what was asked of them."""

    url: str = ""
    notes: list[dict[str, object]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """GitLab's notes API, as far as the recipe uses it. Source: "Notes API" of GitLab's docs."""

    forge: Forge

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
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
        if self._is_allowed():
            self._answer(self.forge.notes)

    def do_POST(self) -> None:
        body = self._body()
        if self._is_allowed():
            self.forge.notes.append({"id": 100 + len(self.forge.notes), "body": body})
            self._answer(self.forge.notes[-1], 201)

    def do_PUT(self) -> None:
        body = self._body()
        if self._is_allowed():
            number = int(self.path.rpartition("/")[2])
            note = next(note for note in self.forge.notes if note["id"] == number)
            note["body"] = body
            self._answer(note)


@pytest.fixture
def forge() -> Iterator[Forge]:
    made = Forge(notes=[{"id": 1, "body": "looks good"}])
    handler = type("Bound", (Handler,), {"forge": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Checkout:
    """A branch of a repository with one profile on its main branch."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def commit(self, text: str) -> None:
        (self.folder / "profiles/chat.yaml").write_text(text)
        self.run("git", "add", "--all")
        done = self.run("git", "commit", "--quiet", "--message", "change")
        assert done.returncode == 0, done.stdout + done.stderr

    def base(self) -> str:
        return self.run("git", "merge-base", "main", "HEAD").stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "models"
    (folder / "profiles").mkdir(parents=True)
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "tester@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    made = Checkout(folder, environment)
    made.run("git", "init", "--quiet", "--initial-branch=main")
    made.commit(PROFILE)
    made.run("git", "checkout", "--quiet", "-b", "change")
    made.commit(f"{PROFILE}    max_rolling_batch_size: 4\n")
    return made


def _gitlab(checkout: Checkout, forge: Forge, **variables: str) -> subprocess.CompletedProcess[str]:
    """The lines of the job, as a runner runs them: one bash, the first failure ends it."""
    document = yaml.safe_load((ROOT / "docs/ci/gitlab-review.yml").read_text())
    job = document["review-profiles"]
    assert job["before_script"] == ["pip install lmi-deploy"]  # it is installed
    return checkout.run(
        "bash",
        "-eo",
        "pipefail",
        "-c",
        "\n".join(job["script"]),
        CI_API_V4_URL=forge.url,
        CI_PROJECT_ID="7",
        CI_MERGE_REQUEST_IID="3",
        CI_MERGE_REQUEST_DIFF_BASE_SHA=checkout.base(),
        **{name: str(value) for name, value in job["variables"].items()},
        **variables,
    )


def test_gitlab_shows_the_diff_in_the_log_and_as_a_page_without_any_token(
    checkout: Checkout, forge: Forge
):
    done = _gitlab(checkout, forge)
    assert done.returncode == 0, done.stderr
    assert "max_rolling_batch_size" in done.stdout
    assert (checkout.folder / "profile-diff.html").read_text().startswith("<!")
    assert forge.calls == []


def test_gitlab_keeps_one_note_on_the_merge_request(checkout: Checkout, forge: Forge):
    done = _gitlab(checkout, forge, GITLAB_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert [note["id"] for note in forge.notes] == [1, 101]
    assert "max_rolling_batch_size" in str(forge.notes[1]["body"])
    checkout.commit(PROFILE.replace("lmi-dist", "vllm"))
    assert _gitlab(checkout, forge, GITLAB_TOKEN=TOKEN).returncode == 0
    assert [note["id"] for note in forge.notes] == [1, 101]
    assert "vllm" in str(forge.notes[1]["body"])
    assert forge.calls == [f"GET {NOTES}", f"POST {NOTES}", f"GET {NOTES}", f"PUT {NOTES}/101"]
    assert TOKEN not in done.stdout + done.stderr


def test_gitlab_fails_the_job_where_the_endpoint_would_be_replaced(
    checkout: Checkout, forge: Forge
):
    checkout.commit(f"{PROFILE}    endpoint: {{name: another}}\n")
    assert _gitlab(checkout, forge).returncode == 4
    assert (checkout.folder / "profile-diff.html").exists()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"{PROFILE}    max_rolling_batch_size: 4\n", 0),
        (f"{PROFILE}    endpoint: {{name: another}}\n", 4),
        (PROFILE.replace("backend:", "bakend:"), 2),
    ],
)
def test_the_plain_shell_script_ends_with_what_it_found(checkout: Checkout, text: str, status: int):
    checkout.commit(f"{text}# another commit\n")
    done = checkout.run("sh", str(ROOT / "docs/ci/review.sh"), "main")
    assert done.returncode == status, done.stderr
    if status != 2:
        assert "chat / g5" in (checkout.folder / "profile-diff.md").read_text()
