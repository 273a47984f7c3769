"""`lmi-deploy diff`: its operands, exit statuses, and what it asks of an account."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lmi_deployer.cli import cli
from tests.cli.conftest import Command
from tests.edges.git_repositories import git, isolated
from tests.pull_requests import LARGER
from tests.specs import PROFILE

CHAT = Path("profiles/chat.yaml")
COMMENTED = f"# a comment\n{PROFILE}"
TRTLLM = PROFILE.replace("lmi-dist", "trtllm")
COMPILED = TRTLLM + "    compile: {mode: aot}\n"


@pytest.fixture(autouse=True)
def a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit on `main` with the profile as it is."""
    isolated(monkeypatch)
    git(Path(), "init", "--quiet", "--initial-branch=main")
    commit()


def commit() -> None:
    git(Path(), "add", "--all")
    git(Path(), "commit", "--quiet", "--allow-empty", "--message=change")


def test_without_sides_a_branch_is_compared_with_where_it_began(lmi: Command):
    git(Path(), "switch", "--quiet", "--create", "change")
    CHAT.write_text(LARGER)
    commit()
    done = lmi("diff")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("main (")
    assert "ml.g5.2xlarge -> ml.g5.12xlarge" in done.out


def test_nothing_that_differs_is_said_in_a_line(lmi: Command):
    CHAT.write_text(COMMENTED)
    done = lmi("diff", "--exit-code")
    assert done.status == 0
    assert "no differences" in done.out


def test_two_files_need_no_repository(lmi: Command, tmp_path: Path):
    shutil.rmtree(".git")
    Path("other.yaml").write_text(LARGER)
    assert "instance_type" in lmi("diff", "profiles/chat.yaml", "other.yaml").out


@pytest.mark.parametrize("name", ["chat", "profiles/chat.yaml", "profiles", "chat#g5", "git:HEAD"])
def test_one_side_alone_is_compared_with_what_it_was_or_is_now(lmi: Command, name: str):
    CHAT.write_text(LARGER)
    assert "ml.g5.2xlarge -> ml.g5.12xlarge" in lmi("diff", name).out


def test_two_hardware_profiles_of_a_file_are_two_sides(lmi: Command):
    twin = "  g6:\n    instance_type: ml.g6.2xlarge\n    backend: lmi-dist\n"
    CHAT.write_text(PROFILE + twin)
    assert "ml.g5.2xlarge -> ml.g6.2xlarge" in lmi("diff", "chat#g5", "chat#g6").out


def test_an_override_is_of_the_later_side(lmi: Command):
    done = lmi("diff", "--set", "max_rolling_batch_size=4")
    assert "-> 4 sequences" in done.out


def test_exact_takes_the_revision_itself(lmi: Command):
    git(Path(), "switch", "--quiet", "--create", "change")
    git(Path(), "switch", "--quiet", "main")
    CHAT.write_text(LARGER)
    commit()
    git(Path(), "switch", "--quiet", "change")
    assert "no differences" in lmi("diff", "git:main").out
    assert "ml.g5.12xlarge -> ml.g5.2xlarge" in lmi("diff", "git:main", "--exact").out


def test_a_folder_elsewhere_can_be_meant(lmi: Command):
    Path("team").mkdir()
    CHAT.rename("team/chat.yaml")
    commit()
    Path("team/chat.yaml").write_text(LARGER)
    assert "instance_type" in lmi("diff", "git:HEAD", "--profiles", "team").out


def test_a_saved_plan_and_a_rendered_folder_are_sides(lmi: Command, kept: Command):
    assert kept("plan", "chat", "--out", "plan.json").status == 0
    assert lmi("render", "chat", "--out", "bundle").status == 0
    CHAT.write_text(LARGER)
    assert "ml.g5.2xlarge -> ml.g5.12xlarge" in lmi("diff", "plan.json", "chat").out
    assert "option.max_rolling_batch_size" in lmi("diff", "bundle", "chat").out


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 0),
        (["--exit-code"], 3),
        (["--fail-on", "restart"], 4),
        (["--fail-on", "new-endpoint-config"], 4),
        (["--fail-on", "recompile"], 0),
        (["--max-cost-increase", "1"], 4),
        (["--max-cost-increase", "100"], 0),
        (["--exit-code", "--fail-on", "restart"], 4),
    ],
)
def test_the_exit_status_says_what_was_asked_for(lmi: Command, options: list[str], status: int):
    CHAT.write_text(LARGER)
    done = lmi("diff", *options)
    assert done.status == status
    assert "ml.g5.12xlarge" in done.out  # all of it, whatever the status
    assert ("error: " in done.err) == (status == 4)


def test_a_side_that_is_wrong_is_shown_as_text(lmi: Command):
    CHAT.write_text(PROFILE.replace("backend:", "bakend:"))
    done = lmi("diff")
    assert done.status == 2
    assert "+    bakend: lmi-dist" in done.out
    assert "nothing could be compared" in done.err
    Path("profiles/more.yaml").write_text(PROFILE.replace("name: chat", "name: more"))
    done = lmi("diff", "--exit-code")
    assert done.status == 3
    assert "more / g5" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["git:mian"], "did you mean 'main'"),
        (["git:"], "names no revision"),
        (["no-such"], "there is no profile 'no-such'"),
        (["chat#no"], "no hardware profile 'no'"),
        (["live", "--region", "us-east-1"], "credentials"),
        (["--set", "tensor_paralel_degree=2"], "tensor_parallel_degree"),
    ],
)
def test_what_cannot_be_understood_says_the_way_out(lmi: Command, words: list[str], told: str):
    CHAT.write_text(LARGER)
    done = lmi("diff", *words)
    assert done.status in {1, 2}
    assert told in done.err
    assert "Traceback" not in done.err


def test_outside_of_git_two_sides_are_asked_for(lmi: Command):
    shutil.rmtree(".git")
    done = lmi("diff")
    assert done.status == 2
    assert "not inside a git repository" in done.err


def test_what_is_live_is_a_side(kept: Command):
    assert kept("up", "chat", "--yes").status == 0
    same = kept("diff", "live", "chat", "--exit-code")
    assert (same.status, "no differences" in same.out) == (0, True)
    CHAT.write_text(LARGER)
    done = kept("diff", "live", "chat", "--exit-code")
    assert done.status == 3
    assert "ml.g5.12xlarge" in done.out
    assert done.out.startswith("live in us-east-1 -> ")


def test_lookup_asks_whether_an_engine_is_in_the_cache(kept: Command, lmi: Command):
    CHAT.write_text(COMPILED)
    assert "not looked into" in lmi("diff").out
    looked = kept("diff", "--lookup")
    assert (looked.status, "not in the cache" in looked.out) == (0, True)


def test_without_live_or_lookup_no_account_is_opened(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lmi_deployer.cli.connection.connected", None)
    CHAT.write_text(LARGER)
    assert lmi("diff", "--region", "eu-west-1", "--sandbox").status == 0


@pytest.mark.parametrize(
    ("begun", "completed"),
    [
        ("cha", {"chat"}),
        ("li", {"live"}),
        ("git:", {"git:main", "git:change"}),
        ("git:m", {"git:main"}),
    ],
)
def test_a_shell_completes_sides(begun: str, completed: set[str]):
    git(Path(), "branch", "change")
    variables = {"COMP_WORDS": f"lmi-deploy diff {begun}", "COMP_CWORD": "2"}
    done = CliRunner().invoke(
        cli, [], prog_name="lmi-deploy", env={**variables, "_LMI_DEPLOY_COMPLETE": "bash_complete"}
    )
    words = {line.removeprefix("plain,") for line in done.output.splitlines()}
    assert completed <= words
    assert all(word.startswith(begun) for word in words)
