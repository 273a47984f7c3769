"""What the README shows is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.conftest import UPDATE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def transcript(command: str) -> list[str]:
    """The lines that the README shows below a command."""
    (found,) = [text for text in blocks("console") if text.startswith(f"$ {command}")]
    return found.splitlines()[1:]


def test_the_quick_start_is_two_commands():
    commands = [line for line in blocks("sh")[0].splitlines() if line.strip()]
    assert [line.split("#")[0].strip() for line in commands] == ["make run", "make test"]


def test_the_main_job_prints_what_the_readme_shows(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    words = "llama2-70b --profile p4d --sandbox --yes"
    done = lmi(*words.split())
    shown = transcript(f"lmi-deploy {words}")
    printed = [*done.out.partition("\n\nllama2-70b / p4d is")[0].splitlines(), ""]
    assert shown[: len(printed)] == printed
    progress = done.err.splitlines()
    assert shown[len(printed) : len(printed) + len(progress)] == progress
    ending = shown[len(printed) + len(progress) :]
    assert "\n".join(ending) in done.out


def test_the_verdict_on_a_hand_written_file_is_the_one_that_is_shown(lmi: Command):
    (text,) = blocks("properties")
    Path("serving.properties").write_text(text)
    words = "lint serving.properties --container 0.25.0 --flavor deepspeed"
    done = lmi(*words.split())
    assert done.status == 2
    assert done.out.splitlines() == transcript(f"lmi-deploy {words}")


@pytest.mark.parametrize("command", ["size", "recommend"])
def test_what_fits_is_told_as_it_is_shown(command: str, lmi: Command):
    (found,) = [text for text in blocks("console") if text.startswith(f"$ lmi-deploy {command}")]
    asked, *shown, ending = found.splitlines()
    assert ending == "..."
    Path("profiles/llama2-7b.yaml").write_text((ROOT / "profiles/llama2-7b.yaml").read_text())
    done = lmi(*asked.removeprefix("$ lmi-deploy ").split())
    assert done.out.splitlines()[: len(shown)] == shown


def test_what_compiling_would_run_is_told_as_it_is_shown(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    words = "compile llama2-70b -p p4d --sandbox --dry-run"
    done = lmi(*words.split())
    assert (done.status, done.out.splitlines()) == (0, transcript(f"lmi-deploy {words}"))


def test_what_a_change_costs_is_told_as_it_is_shown(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    monkeypatch.chdir(ROOT)
    words = "diff llama2-70b llama2-70b -p p4d --set instance_type=ml.p5.48xlarge"
    done = lmi(*words.split())
    assert done.status == 0
    shown = "\n".join([*transcript(f"lmi-deploy {words}"), ""])
    if request.config.getoption(UPDATE):
        (ROOT / "README.md").write_text(README.replace(shown, done.out), encoding="utf-8")
        return
    assert done.out == shown, f"pytest {UPDATE} {__file__}"


def test_the_example_profile_is_valid_and_its_mistake_reads_as_shown(lmi: Command):
    (text,) = blocks("yaml")
    Path("profiles/chat.yaml").unlink()
    Path("falcon-chat.yaml").write_text(text)
    assert lmi("validate", "--strict", "falcon-chat.yaml").status == 0
    wrong = text.replace("tensor_parallel_degree: 8", "tensor_parallel_degree: 16")
    Path("falcon-chat.yaml").write_text(wrong)
    done = lmi("validate", "falcon-chat.yaml")
    assert done.out.splitlines() == transcript("lmi-deploy validate falcon-chat.yaml")
