"""`lmi-deploy diff`: its forms of output, and where they go."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from lmi_deployer.cli import diff_command
from tests.cli.conftest import Command
from tests.edges.git_repositories import git, isolated
from tests.pull_requests import LARGER
from tests.specs import PROFILE

CHAT = Path("profiles/chat.yaml")
COMMENTED = f"# a comment\n{PROFILE}"
TRTLLM = PROFILE.replace("lmi-dist", "trtllm")


@pytest.fixture(autouse=True)
def a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit on `main` with the profile as it is."""
    isolated(monkeypatch)
    git(Path(), "init", "--quiet", "--initial-branch=main")
    commit()


def commit() -> None:
    git(Path(), "add", "--all")
    git(Path(), "commit", "--quiet", "--allow-empty", "--message=change")


@pytest.mark.parametrize("form", ["text", "markdown", "json", "html"])
def test_every_form_goes_to_standard_output_or_into_a_file(lmi: Command, form: str):
    CHAT.write_text(LARGER)
    shown = lmi("diff", "-o", form)
    assert (shown.status, shown.err) == (0, "")
    assert "ml.g5.12xlarge" in shown.out
    written = lmi("diff", "-o", form, "--out", "result")
    assert (written.status, written.out, written.err) == (0, "", "written to result\n")
    text = Path("result").read_text()
    if form == "html":
        text, shown_text = (re.sub(r"\d\d:\d\d", "", item) for item in (text, shown.out))
        assert text == shown_text
    else:
        assert text == shown.out


def test_json_has_its_version_and_what_everything_comes_to(lmi: Command):
    CHAT.write_text(LARGER)
    document = json.loads(lmi("diff", "-o", "json").out)
    assert document["schema_version"] == 1
    assert (document["changed"], document["impact"]) == (True, "new-endpoint-config")


def test_markdown_begins_with_the_line_it_is_found_by(lmi: Command):
    CHAT.write_text(LARGER)
    assert lmi("diff", "-o", "markdown").out.startswith("<!-- lmi-deploy diff -->\n")


def test_text_is_as_wide_as_the_terminal(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    CHAT.write_text(LARGER)
    texts = {}
    for columns in ("60", "100", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        texts[columns] = lmi("diff").out
        assert max(map(len, texts[columns].splitlines())) <= int(columns)
    assert len(set(texts.values())) == 3
    monkeypatch.setenv("COLUMNS", "200")
    assert lmi("diff", "--no-side-by-side").out != texts["200"]


def test_no_color_reaches_a_pipe(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR")
    CHAT.write_text(LARGER)
    assert "\x1b" not in lmi("diff").out


def test_all_names_what_is_equal(lmi: Command):
    CHAT.write_text(COMMENTED)
    assert "chat / g5" not in lmi("diff").out
    assert "chat / g5" in lmi("diff", "--all").out


def test_a_secret_in_a_profile_reaches_no_output(lmi: Command):
    secret = "hf_" + "abcdefghijklmnopqrstuvwxyz"
    CHAT.write_text(LARGER + f"    options: {{hf_token: {secret}}}\n")
    for form in ("text", "markdown", "json", "html"):
        done = lmi("diff", "-o", form)
        assert secret not in done.out + done.err


def test_a_long_comparison_says_how_far_it_is_where_somebody_watches(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    CHAT.write_text(LARGER)
    monkeypatch.setattr(diff_command, "SILENT_SECONDS", -10)
    assert lmi("diff").err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = lmi("diff")
    assert done.err.startswith("\r1 hardware profile compared\r   ")
    assert done.err.endswith(" \r")


def test_the_result_never_takes_the_place_of_what_is_compared(lmi: Command):
    text = Path("profiles/chat.yaml").read_text()
    sides = ("profiles/chat.yaml", "./profiles/../profiles/chat.yaml#g5", "profiles", "chat")
    for side in sides:
        refused = lmi("diff", side, side, "--out", "profiles/chat.yaml")
        assert refused.status == 2
        assert "would overwrite" in refused.err
    assert Path("profiles/chat.yaml").read_text() == text


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", "much"])
def test_a_limit_that_is_no_amount_of_money_is_refused(lmi: Command, amount: str):
    refused = lmi("diff", "chat", "chat", "--max-cost-increase", amount)
    assert refused.status == 2


@pytest.mark.parametrize("command", [("diff", "chat", "chat"), ("show", "chat")])
def test_a_region_that_is_mistyped_is_an_error(lmi: Command, command: tuple[str, ...]):
    refused = lmi(*command, "--region", "mars-1")
    assert refused.status == 2
    assert "mars-1" in refused.err
